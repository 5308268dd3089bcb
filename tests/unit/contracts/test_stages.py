"""Counting approvals: pure, and the same for cards and for dispatch."""

from datetime import UTC, datetime
from typing import Any

import pytest

from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.obligations import Stage
from proctor.contracts.stages import SpokenWord, asked_now, said_of, stages_of

PROCESS = ApprovalProcess(stages=(Stage(name="desk", count=2), Stage(role="owner")))
NOW = datetime(2026, 5, 4, tzinfo=UTC)


def word(by: str, *roles: str, **fields: Any) -> SpokenWord:
    """Make an approval."""
    known = {"id": by, "word": "approve", "by": by, "roles": roles or ("approver",), "at": NOW, "applied": True}
    return SpokenWord.model_validate({**known, **fields})


ADAM, ANNA, OLAF = word("adam"), word("anna"), word("olaf", "owner")


@pytest.mark.parametrize(
    ("words", "counted"),
    [
        ([ADAM, ANNA, OLAF], (["adam", "anna"], ["olaf"])),
        ([OLAF, ADAM, ANNA], (["adam", "anna"], [])),
        ([ADAM, ADAM, OLAF], (["adam"], [])),
        ([ADAM, word("dora", on_behalf_of="adam")], (["adam"], [])),
        ([word("dora", on_behalf_of="adam"), ADAM], (["dora"], [])),
        ([ADAM, word("anna", applied=False)], (["adam"], [])),
        ([ADAM, word("anna", word="deny")], (["adam"], [])),
        ([ADAM, word("both", "approver", "owner"), word("both", "owner")], (["adam", "both"], [])),
        ([ADAM, word("olga", "escalated"), OLAF], (["adam", "olga"], ["olaf"])),
    ],
)
def test_each_person_counts_once_for_the_stage_that_was_asked(
    words: list[SpokenWord], counted: tuple[list[str], list[str]]
) -> None:
    """In order, and only if the word was an applied approval by somebody with the role."""
    assert counted == tuple(list(one.by) for one in stages_of(PROCESS, words))


def test_early_versions_asked_all_stages_at_once() -> None:
    """Then an approval counts for the first stage that its author has the role of."""
    assert (["adam"], ["olaf"]) == tuple(list(one.by) for one in stages_of(PROCESS, [OLAF, ADAM], in_order=False))


def test_a_stage_says_how_far_it_is() -> None:
    """For people, by role and name."""
    found = stages_of(PROCESS, [ADAM])
    assert ["1 of 2 approvers (desk)", "0 of 1 owner"] == [said_of(one) for one in found]
    assert found[0] == asked_now(found)
    assert asked_now(stages_of(PROCESS, [ADAM, ANNA, OLAF])) is None
