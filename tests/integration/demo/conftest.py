"""A demo world of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from demo.world import DemoWorld
from proctor.tools.authoring import ToolResources
from tests.unit.tools.worlds import contract, resources


def gifts_of(world: DemoWorld) -> ToolResources:
    """Make what the tools of the demo's agent get in a world: they reach its supervisor and nothing else."""
    return resources(world.environment()).for_tool(contract(egress=[{"host": "env:DEMO_SUPERVISOR_URL"}]))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DemoWorld]:
    async with DemoWorld(tmp_path / "world") as running:
        yield running


@pytest.fixture
async def given(world: DemoWorld) -> AsyncIterator[ToolResources]:
    """Give what tools get in that world."""
    gifts = gifts_of(world)
    yield gifts
    await gifts.aclose()
