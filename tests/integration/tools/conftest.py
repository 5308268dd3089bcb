"""The incident resolver's own contracts, and a ticket desk in a process of its own."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from demo.process import ROOT
from demo.world import DemoWorld
from proctor.contracts.tool import ToolContract
from proctor.documents.source import read_source
from proctor.documents.tool import read_tools

TOOLS = ROOT / "agents" / "incident-resolver" / "tools"


@pytest.fixture
def declared() -> Callable[[str], ToolContract]:
    """Read a contract of the incident resolver by its file's name."""

    def read(name: str) -> ToolContract:
        (document,), problems = read_tools(read_source(TOOLS / f"{name}.yaml"), None, None)
        assert problems == []
        return document.contract

    return read


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DemoWorld]:
    async with DemoWorld(tmp_path / "world") as running:
        yield running
