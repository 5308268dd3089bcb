"""Forms of what stands in paths and queries."""

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

NAME = r"^[^\x00-\x1f\x7f]+$"

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=NAME)]
"""A name in a query."""
RunPath = Annotated[str, Path(min_length=1, max_length=200, pattern=NAME, description="The run's id.")]
NamePath = Annotated[str, Path(min_length=1, max_length=200, pattern=NAME)]
EpochPath = Annotated[int, Path(ge=1, le=2**63 - 1, description="The fence's number.")]
NameQuery = Annotated[str | None, Query(min_length=1, max_length=400, pattern=NAME)]
