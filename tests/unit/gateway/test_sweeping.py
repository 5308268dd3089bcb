"""Runs that nobody takes care of, on fakes."""

from gateway.sweeping import Sweeper
from proctor.contracts.run import RunStatus

from .fakes import FakeEngine, FakeStore, run_record


def sweeper(store: FakeStore, engine: FakeEngine) -> Sweeper:
    return Sweeper(store, store, store, engine)


async def test_run_whose_start_was_lost_is_started_later() -> None:
    """An accepted row without a workflow gets one, and is not started again at each sweep."""
    store, engine = FakeStore(rows={"run-1": run_record(status=RunStatus.ACCEPTED)}), FakeEngine()
    sweeps = sweeper(store, engine)
    assert ["run-1"] == await sweeps.sweep()
    assert [] == await sweeps.sweep()
    assert ({"run-1"}, 1) == (engine.open, engine.starts)


async def test_run_whose_workflow_was_terminated_is_closed() -> None:
    """Work that was accepted reaches an end that says what happened to it (rule 11)."""
    store, engine = FakeStore(rows={"run-1": run_record()}), FakeEngine()
    engine.broken, engine.closed = {"run-1"}, {"run-1"}
    assert ["run-1"] == await sweeper(store, engine).sweep()
    assert RunStatus.CANCELLED is store.rows["run-1"].status
    assert "proctor receipt run-1" in store.rows["run-1"].status_reason
    assert ["acknowledge run-1", "close run-1"] == store.journal_of_calls, "the fence comes before the end"


async def test_workflows_that_go_on_or_are_not_ours_are_left_alone() -> None:
    """A reset terminates one workflow and begins another; a stranger's has no row; an ended run stays as it ended."""
    store = FakeStore(rows={"reset": run_record("reset"), "ended": run_record("ended", RunStatus.COMPLETED)})
    engine = FakeEngine()
    engine.broken, engine.open, engine.closed = {"reset", "ended", "stranger"}, {"reset"}, {"ended", "stranger"}
    assert [] == await sweeper(store, engine).sweep()
    assert RunStatus.RUNNING is store.rows["reset"].status
    assert RunStatus.COMPLETED is store.rows["ended"].status
