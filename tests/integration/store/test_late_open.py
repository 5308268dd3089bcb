"""A workflow that comes after its run has ended."""

import pytest

from proctor.contracts.errors import Refused
from proctor.contracts.run import RunStatus
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import BUNDLE, POLICY, task


async def test_ended_run_is_never_opened_again(store: PostgresStore) -> None:
    """A kill that closed an accepted run holds, though the run's workflow starts after it."""
    run, _ = await store.admissions.admit(task("late"), BUNDLE)
    await store.journal.close_run(run.run_id, RunStatus.KILLED, "killed before it began")
    with pytest.raises(Refused, match="has ended already: killed"):
        await store.journal.open_run(run.run_id, lambda _: POLICY)
    assert RunStatus.KILLED is (await store.archive.run(run.run_id)).status
