"""An approval that was altered in any way carries nothing out; of approve and deny one wins."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.approvals.mutations import executions
from benchmarks.approvals.races import race_many
from benchmarks.approvals.subjects import ONE_PERSON, TWO_SIGNED, approved
from proctor.contracts.human import RequestState
from proctor.store.database import Database
from proctor.store.postgres import PostgresStore

FIELDS = 15


@pytest.mark.parametrize("obligations", [ONE_PERSON, TWO_SIGNED], ids=["one person", "two who sign"])
async def test_whatever_is_altered_nothing_is_carried_out(
    store: PostgresStore, dsn: str, tmp_path: Path, obligations: list[dict[str, Any]]
) -> None:
    """Each bound field, the approver, the recorded decision, the signature: in no case is a call begun."""
    subject = await approved(store, tmp_path, "clerk", obligations)
    database = await Database.connect(dsn, min_size=1, max_size=1)
    found = await executions(subject, database, each=3, seed=7)
    await database.close()
    assert {} == {field: counts for field, counts in found.items() if counts[1]}
    assert (FIELDS + bool(obligations), True) == (len(found), sum(tried for tried, _ in found.values()) >= 40)


async def test_of_approve_and_deny_one_wins_and_both_are_recorded(store: PostgresStore) -> None:
    """On real connections, with a dispatcher in between: what was denied before it was consumed is never begun."""
    races = await race_many(store, 50, seed=3)
    assert [] == [race for race in races if not race.is_sound]
    assert {RequestState.DENIED} <= {race.state for race in races}
