"""Taking effects back: in reverse order, once each, only what happened (rule 4)."""

from collections.abc import Awaitable, Callable

from temporalio.exceptions import ActivityError, is_cancelled_exception

from proctor.contracts.steps import CallRef, CallReport
from workflows import endings
from workflows.state import TaskState

Compensate = Callable[[CallRef], Awaitable[CallReport]]


async def unwind(state: TaskState, compensate: Compensate) -> list[str]:
    """Compensate every registered effect, the newest first; say what could not even be begun.

    An effect leaves the list when its compensation has a recorded end. A compensation that fails is an open item
    with an owner in the store, and does not keep older effects from being taken back; nor does one whose record
    cannot be believed, of which nothing is sent.
    """
    stood = []
    while state.saga:
        step, call, fingerprint = state.saga[-1]
        try:
            await compensate(CallRef(run_id=state.run_id, step=step, call=call, fingerprint=fingerprint))
        except ActivityError as error:
            if is_cancelled_exception(error) or endings.is_lost(error):
                raise
            stood.append(f"step {step}, call {call} was not taken back: {endings.reason_of(error)}")
        state.saga.pop()
    return stood
