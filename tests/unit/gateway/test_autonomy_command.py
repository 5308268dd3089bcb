"""The commands of autonomy and reviews on fakes: what they print, and their exit codes."""

import json
from collections.abc import Callable

import pytest

from policies.autonomy.levels import LADDER
from proctor.contracts.manifest import Autonomy

from .autonomy_fakes import AGREE, FakeAutonomyRecord, FakePolicyRegister
from .fakes import FakeInstallation, bundle

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def record(installation: FakeInstallation) -> FakeAutonomyRecord:
    made = FakeAutonomyRecord()
    installation.store.autonomy = made  # type: ignore[attr-defined]
    installation.store.policies = FakePolicyRegister()  # type: ignore[attr-defined]
    installation.catalog.bundles = {"resolver": bundle(autonomy=Autonomy.APPROVAL_REQUIRED)}
    installation.store.contents["0" * 64] = {"service": "web\u202e"}
    return made


def test_show_tells_level_evidence_and_what_is_missing(proctor: Call, record: FakeAutonomyRecord) -> None:
    """A line for each tool with an effect."""
    record.judge(*[AGREE] * 40)
    code, out, _ = proctor("autonomy", "show", "resolver")
    titles, line = out.splitlines()
    assert 0 == code
    assert ["TOOL", "RISK", "DECLARED", "LEVEL", "VERDICTS", "AGREE", "SURELY", "NEXT", "REQUIRED", "MISSING"] == (
        titles.split()
    )
    for text in ("Restart", "high", "approval_required", "40", "100 %", "91 %", "supervised", "95 %", "34 more"):
        assert text in line


def test_bound_that_is_not_reached_is_not_shown_as_if_it_were(proctor: Call, record: FakeAutonomyRecord) -> None:
    """Cut, not rounded."""
    record.judge(*[AGREE] * 73)
    _, out, _ = proctor("autonomy", "propose", "resolver", "Restart", "-o", "json")
    assert 0.949 < json.loads(out)["lower_bound"] < 0.95
    _, out, _ = proctor("autonomy", "propose", "resolver", "Restart")
    assert "surely    94.9 %" in out
    assert "it takes  agreement surely above 95 %: the bound is 94.9 %; at best 1 more agreement" in out


def test_json_has_every_figure(proctor: Call, record: FakeAutonomyRecord) -> None:
    """For programs."""
    _, out, _ = proctor("autonomy", "show", "resolver", "--output", "json")
    (cell,) = json.loads(out)
    assert (0, 0.0, 0.95, 0.05, "supervised") == (
        cell["verdicts"], cell["lower_bound"], cell["required"], cell["alpha"], cell["next"]
    )  # fmt: skip


def test_owner_raises_by_command_and_others_are_told_who_may(proctor: Call, record: FakeAutonomyRecord) -> None:
    """Exit 6 without the evidence, 4 for anybody else, 0 with both; the history tells it."""
    words = ("autonomy", "promote", "resolver", "Restart")
    assert 6 == proctor(*words, "--as", "maria.ops")[0]
    record.judge(*[AGREE] * 80)
    code, _, err = proctor(*words, "--as", "operator")
    assert (4, True) == (code, "its owner may: --as maria.ops" in err)
    code, _, err = proctor(*words, "--as", "maria.ops", "--reason", "spring")
    assert (0, True) == (code, "resolver: Restart at high risk rose to supervised" in err)
    _, out, _ = proctor("autonomy", "show", "resolver", "--history")
    assert "80 verdicts, 100.0% agree" in out


def test_operator_lowers_by_command(proctor: Call, record: FakeAutonomyRecord) -> None:
    """To `suggest` and for all tools unless told otherwise."""
    code, _, err = proctor("autonomy", "demote", "resolver", "--reason", "odd", "--as", "second.operator")
    assert (0, True) == (code, "every tool at every tier may go no further than suggest" in err)
    assert ("*", "*", LADDER[0]) == ((change := record.changes[0]).cell.tool, change.cell.risk, change.level)
    code, out, _ = proctor("autonomy", "show", "resolver", "-o", "json")
    assert "suggest" == json.loads(out)[0]["level"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("demote", "resolver", "Restart", "--to", "nothing"), "'nothing' is no level"),
        (("demote", "resolver", "Restart", "--risk", "huge"), "'huge' is no tier — one of low, medium, high"),
        (("demote", "nobody"), "there is no agent nobody — the agents here: resolver"),
        (("demote", "resolver", "Restort"), "resolver has no tool Restort"),
    ],
)
def test_mistakes_are_named_and_change_nothing(
    proctor: Call, record: FakeAutonomyRecord, words: tuple[str, ...], said: str
) -> None:
    """Exit 2, in one line."""
    code, _, err = proctor("autonomy", *words, "--reason", "odd", "--as", "maria.ops")
    assert (2, True) == (code, said in err)
    assert [] == record.changes


def test_reviews_are_listed_shown_with_exact_arguments_and_decided(proctor: Call, record: FakeAutonomyRecord) -> None:
    """What steers a terminal is shown as its code."""
    review_id = record.ask(title="Restart(service='\x1b[2J')")
    _, out, _ = proctor("reviews", "resolver")
    assert review_id in out
    assert "Restart(service='\\x1b[2J')" in out
    _, out, _ = proctor("review", review_id)
    assert '"service": "web\\u202e"' in out
    code, _, err = proctor("review", review_id, "agree", "--as", "maria.ops")
    assert (0, True) == (code, f"{review_id} is decided: agree" in err)
    assert "nothing waits for a review" in proctor("reviews")[2]
    assert "agree" in proctor("reviews", "--all")[1]
    assert 6 == proctor("review", review_id, "agree", "--as", "maria.ops")[0]


def test_verdicts_that_cannot_be_given_are_refused(proctor: Call, record: FakeAutonomyRecord) -> None:
    """4 for who may not, 2 for what is no verdict, no reason, no review or no agent."""
    review_id = record.ask()
    assert 4 == proctor("review", review_id, "agree", "--as", "operator")[0]
    assert 2 == proctor("review", review_id, "fine", "--as", "maria.ops")[0]
    assert 2 == proctor("review", review_id, "harmful", "--as", "maria.ops")[0]
    assert 2 == proctor("review", "rev-999999", "agree", "--as", "maria.ops")[0]
    assert 2 == proctor("reviews", "nobody")[0]
    assert record.rows[review_id].verdict is None
