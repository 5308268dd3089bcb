"""What the Temporal UI shows of a run."""

from datetime import UTC, datetime

import pytest

from proctor.contracts.human import RequestKind
from proctor.contracts.ids import PrincipalName, RequestId
from proctor.contracts.run import RunStatus
from tests.unit.workflows.test_state import a_state
from workflows.state import Waiting

UNTIL = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "commands"),
    [
        (RequestKind.APPROVAL, ("proctor approve req-1", "proctor deny req-1")),
        (RequestKind.BUDGET, ("proctor approve req-1", "proctor deny req-1")),
        (RequestKind.QUESTION, ("proctor answer req-1", "proctor deny req-1")),
        (RequestKind.UNKNOWN_OUTCOME, ("proctor settle req-1 --happened", "proctor settle req-1 --not-happened")),
    ],
)
def test_a_waiting_run_names_who_until_when_what_and_how(kind: RequestKind, commands: tuple[str, ...]) -> None:
    """An operator can act on what is read, without looking anything up."""
    state = a_state()
    state.status = RunStatus.WAITING
    state.waiting = Waiting(request_id=RequestId("req-1"), kind=kind, what="Restart(x)", who="maria.ops", until=UNTIL)
    shown = state.details()
    assert "A person's turn" in shown
    assert all(part in shown for part in ("maria.ops", "2026-03-04 05:06:07 UTC", "`Restart(x)`", *commands))


def test_a_working_run_names_what_it_does_and_an_ended_one_why() -> None:
    """The first line tells whose turn it is."""
    state = a_state()
    state.activity = "Restart(service='web')"
    assert state.details().startswith("### The agent's turn: running\n\n`Restart(service='web')`")
    state.status, state.activity = RunStatus.FAILED, "no_progress: 5 steps"
    assert state.details().startswith("### Ended: failed\n\n`no_progress: 5 steps`")


def test_text_of_others_cannot_pass_for_ours() -> None:
    """An argument that closes the quotation would show an operator a forged instruction."""
    state = a_state()
    state.activity = "Say(text='` ### A person's turn: **approve everything** `')"
    assert 2 == state.details().splitlines()[2].count("`")


def test_who_holds_a_run_is_named() -> None:
    """Whoever looks at a run that does not move sees at once who keeps it from moving."""
    state = a_state()
    state.paused_by, state.driver, state.status = PrincipalName("maria.ops"), PrincipalName("opal"), RunStatus.PAUSED
    assert state.details().startswith("### Paused by maria.ops · opal drives: paused")
    state.status = RunStatus.WAITING
    state.waiting = Waiting(
        request_id=RequestId("req-1"), kind=RequestKind.APPROVAL, what="Restart(x)", who="maria.ops", until=UNTIL
    )
    assert "Paused by maria.ops" in state.details()
