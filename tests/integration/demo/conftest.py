"""A demo world of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from demo.world import DemoWorld
from proctor.tools.authoring import ToolResources
from tests.unit.tools.worlds import resources


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DemoWorld]:
    async with DemoWorld(tmp_path / "world") as running:
        yield running


@pytest.fixture
async def given(world: DemoWorld) -> AsyncIterator[ToolResources]:
    """Give what tools get in that world."""
    gifts = resources(world.environment())
    yield gifts
    await gifts.aclose()
