"""An agent whose tools are those of a third party's MCP server, on a stack whose worker is killed in a write."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.tau2.__main__ import measure
from benchmarks.tau2.sequences import sequences


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tau2-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.timeout(300)
async def test_each_write_of_a_server_without_keys_happens_once_though_its_worker_is_killed(folder: Path) -> None:
    """The environment's own log has every write once; no key is sent twice; what is unknown is a person's to settle."""
    tasks = sequences("mock")[:2]
    found = await measure(folder, "mock", tasks, seed=1, at_once=2, kills=1)
    assert 2 == found.completed
    assert 1 == found.kills
    assert [] == found.doubled + found.missing + found.resent
    assert found.happened + found.not_happened >= 1
