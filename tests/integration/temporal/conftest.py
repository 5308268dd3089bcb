"""A real Temporal server for tests, on free ports and in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from workers.embedded.temporal import EmbeddedTemporal


@pytest.fixture
async def temporal(tmp_path: Path) -> AsyncIterator[EmbeddedTemporal]:
    async with EmbeddedTemporal(tmp_path / "temporal.log") as server:
        yield server
