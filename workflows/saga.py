"""Taking effects back: in reverse order, once each, only what happened (rule 4)."""

from collections.abc import Awaitable, Callable

from proctor.contracts.run import CallRef, CallReport
from workflows.state import TaskState

Compensate = Callable[[CallRef], Awaitable[CallReport]]


async def unwind(state: TaskState, compensate: Compensate) -> list[CallReport]:
    """Compensate every registered effect, the newest first.

    An effect leaves the list when its compensation has a recorded end. A compensation that fails is an open item
    with an owner in the store, and does not keep older effects from being taken back.
    """
    reports = []
    while state.saga:
        step, call, fingerprint = state.saga[-1]
        ref = CallRef(run_id=state.run_id, step=step, call=call, fingerprint=fingerprint)
        reports.append(await compensate(ref))
        state.saga.pop()
    return reports
