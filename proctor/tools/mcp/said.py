"""What a server says of a tool, and its digest: what a person reviews, and what must not change afterwards."""

import json
from typing import TYPE_CHECKING, Any

from proctor.contracts.canonical import digest_bytes
from proctor.contracts.ids import Digest

if TYPE_CHECKING:
    from mcp_types import Tool

REVIEWED = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")


def said_of(tool: "Tool") -> dict[str, Any]:
    """Give what the server says of the tool that steers a model or a person; what is null is left out."""
    dumped = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {name: dumped[name] for name in REVIEWED if name in dumped}


def digest_of(said: dict[str, Any]) -> Digest:
    """Take the digest of what a server says of a tool.

    Not canonical JSON, which has no integers beyond 2**53: schemas of real servers have.
    """
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return digest_bytes(text.encode())
