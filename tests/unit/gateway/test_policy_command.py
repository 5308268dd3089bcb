import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.assumed_facts import assumed_facts
from gateway.cli.main import run
from gateway.policy_files import read_policy_folder
from policies.manifest_policy import compile_policy
from proctor.contracts.labels import Flow, Labels, Origin
from proctor.contracts.manifest import AgentBundle
from proctor.documents.catalog import FileAgentCatalog
from proctor.tools.signature import derive_schemas

from .fakes import FakeInstallation
from .policy_agents import MANIFEST, POLICY, TESTS, write_clerk
from .policy_fakes import PolicyStore

Command = Callable[..., tuple[int, str, str]]
LOOSER = POLICY.replace("greater_than: 50}", "greater_than: 80}")


@pytest.fixture
def store() -> PolicyStore:
    return PolicyStore()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_clerk(tmp_path / "agents")


@pytest.fixture
def proctor(tmp_path: Path, folder: Path, store: PolicyStore, capsys: pytest.CaptureFixture[str]) -> Command:
    """Call the command in a project with the clerk; gives exit code, stdout and stderr."""
    installation = FakeInstallation(tmp_path, store=store)
    installation.catalog = FileAgentCatalog(folder.parent, derive_schemas)  # type: ignore[assignment]

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(("policy", *arguments), installation.wiring)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_check_finds_nothing_in_a_sound_policy(proctor: Command) -> None:
    """Exit 0, and a count."""
    assert (0, "", "0 errors, 0 warnings\n") == proctor("check")


@pytest.mark.parametrize("how", ["name", "folder", "file"])
def test_check_names_each_mistake_with_file_line_and_fix(proctor: Command, folder: Path, how: str) -> None:
    """Exit 2; mistakes of the policy and of its cases come together."""
    (folder / "policy.yaml").write_text(POLICY.replace("greater_than: 50", "greatr_than: 50"))
    (folder / "policy.tests.yaml").write_text(TESTS.replace("expect: allow", "expect: permit"))
    asked = {"name": "refund-clerk", "folder": str(folder), "file": str(folder / "policy.yaml")}[how]
    code, out, err = proctor("check", asked)
    assert (2, "2 errors, 0 warnings\n") == (code, err)
    assert f"{folder}/policy.yaml:16: error: unknown operator 'greatr_than' — did you mean `greater_than`?" in out
    assert f"{folder}/policy.tests.yaml:5: error: 'expect' is" in out


def test_check_as_json_has_every_field(proctor: Command, folder: Path) -> None:
    """Programs get level, file, line, message and hint apart."""
    (folder / "policy.yaml").write_text(POLICY.replace("greater_than: 50", "greatr_than: 50"))
    code, out, _ = proctor("check", "--output", "json")
    assert (2, ["error", 16]) == (code, [json.loads(out)[0][key] for key in ("level", "line")])


def test_check_of_an_unknown_agent_says_which_there_are(proctor: Command) -> None:
    """Exit 2 with a suggestion."""
    code, _, err = proctor("check", "refund-clark")
    assert 2 == code
    assert "did you mean `refund-clerk`?" in err


def test_cases_that_pass_are_listed(proctor: Command) -> None:
    """Exit 0, a line for each case."""
    code, out, err = proctor("test", "--require-coverage")
    assert 0 == code
    assert 3 == out.count(" ok")
    assert "3 cases, 0 failed, 0 rules without a case" in err


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("expect: allow", "expect: deny", "expected deny, decided allow by small-refunds"),
        ("rule: small-refunds", "rule: large-refunds", "expected the rule large-refunds to determine it"),
        ("obligations: [review_after]", "obligations: []", "expected obligations none, got {'kind': 'review_after'}"),
    ],
)
def test_case_that_fails_says_what_was_decided_and_why(
    proctor: Command, folder: Path, old: str, new: str, why: str
) -> None:
    """Exit 1; verdict, determining rule and obligations are each held to what the case says."""
    (folder / "policy.tests.yaml").write_text(TESTS.replace(old, new))
    code, out, err = proctor("test")
    assert (1, 1) == (code, out.count("FAILED"))
    assert why in err


def test_rule_without_a_case_is_named_and_fails_when_coverage_is_required(proctor: Command, folder: Path) -> None:
    """A rule that no case shows at work is told; with --require-coverage it is exit 1."""
    (folder / "policy.tests.yaml").write_text(TESTS[: TESTS.index("  - case: the day's")])
    assert [0, 1] == [proctor("test", *more)[0] for more in ([], ["--require-coverage"])]
    assert "no case shows the rule daily-limit at work" in proctor("test")[2]


def test_limits_of_obligations_need_cases_too(proctor: Command, folder: Path) -> None:
    """What a maximum amount forbids is a rule of its own."""
    limited = "obligations: [{kind: max_amount, argument: amount, max: 500}]\n    reason: Customers"
    (folder / "policy.yaml").write_text(POLICY.replace("reason: Customers", limited))
    assert "no case shows the rule small-refunds:max-amount at work" in proctor("test")[2]


def test_facts_of_the_file_hold_for_every_case(proctor: Command, folder: Path) -> None:
    """A common fact is written once; a case may say otherwise."""
    (folder / "policy.tests.yaml").write_text("facts: {windows.refunded_today: 2000}\n" + TESTS)
    _, out, _ = proctor("test", "--output", "json")
    assert ["deny", "deny", "deny"] == [row["decided"] for row in json.loads(out)]


def test_coverage_counts_cases_for_built_in_rules_too(proctor: Command) -> None:
    """Which rules apply, and which decide."""
    rows = {row["rule"]: row for row in json.loads(proctor("coverage", "-o", "json")[1])}
    assert (3, 1, "document") == tuple(
        rows["small-refunds"][key] for key in ("fired_in_cases", "determined_cases", "origin")
    )
    assert (3, 0, "built-in") == tuple(
        rows["autonomy-supervised-write"][key] for key in ("fired_in_cases", "determined_cases", "origin")
    )
    assert rows["scope"]["fired_in_history"] is None


def recorded(store: PolicyStore, bundle: AgentBundle, amount: float, **changes: Any) -> None:
    policy = compile_policy(bundle)
    windows = policy.windows_for("RefundOrder")
    facts = assumed_facts(bundle, "RefundOrder", {"order": "7", "amount": amount}, {}, windows=windows)
    store.judge(bundle, policy, facts, **changes)


def test_coverage_counts_recorded_decisions_when_asked(proctor: Command, folder: Path, store: PolicyStore) -> None:
    """History tells which rules are at work, not only which could be."""
    for amount in (10, 60, 70):
        recorded(store, read_policy_folder(folder).sound(), amount)
    rows = {row["rule"]: row for row in json.loads(proctor("coverage", "--history", "--since", "2h", "-o", "json")[1])}
    assert (2, 2, 7200) == (
        rows["large-refunds"]["fired_in_history"],
        rows["large-refunds"]["determined_in_history"],
        store.asked_within_s,
    )
    assert 2 == proctor("coverage", "--history", "--since", "soon")[0]


def test_decide_says_what_would_be_decided_and_why(proctor: Command) -> None:
    """Nothing is carried out; exit 0, whatever the verdict."""
    code, out, _ = proctor(
        "decide", "refund-clerk", "--call", '{"tool":"RefundOrder","arguments":{"order":"7","amount":60}}'
    )
    assert 0 == code
    assert "waits for a person" in out
    assert "the argument amount is more than 50: yes, it is 60" in out


def test_decide_takes_facts_and_gives_json(proctor: Command, tmp_path: Path) -> None:
    """A file or text; programs get the decision."""
    call = tmp_path / "call.json"
    call.write_text('{"tool":"RefundOrder","arguments":{"order":"7","amount":6}}')
    facts = '{"windows.refunded_today": 1001}'
    _, out, _ = proctor("decide", "refund-clerk", "--call", str(call), "--facts", facts, "-o", "json")
    decision = json.loads(out)["decision"]
    assert ("deny", "daily-limit") == (decision["verdict"], decision["determining"])


@pytest.mark.parametrize(
    ("call", "facts"),
    [
        ('{"tol": 1}', "{}"),
        ('{"tool": "X", "arguments": []}', "{}"),
        ("[]", "{}"),
        ('{"tool": "X"}', "[]"),
        ("{", "{}"),
    ],
)
def test_decide_refuses_what_is_no_call(proctor: Command, call: str, facts: str) -> None:
    """Exit 2 with what to write."""
    code, out, err = proctor("decide", "refund-clerk", "--call", call, "--facts", facts)
    assert (2, "") == (code, out)
    assert "—" in err


def test_explain_tells_a_recorded_decision_in_words(proctor: Command, folder: Path, store: PolicyStore) -> None:
    """Rules, values, where the arguments came from, duties and what is allowed instead, from the record."""
    flow = Flow(labels=Labels(sources=("FindOrder",)), origins=(Origin.TOOL,))
    recorded(store, read_policy_folder(folder).sound(), 60, flows={"order": flow})
    code, out, _ = proctor("explain", "run-0", "0")
    assert 0 == code
    assert "the argument amount is more than 50: yes, it is 60" in out
    assert "argument order: a tool's result (FindOrder); untrusted, internal" in out
    assert "instead: Refund at most 50, or let a person agree." in out


def test_explain_says_when_the_rules_are_not_those_that_decided(
    proctor: Command, folder: Path, store: PolicyStore
) -> None:
    """What is shown is never passed off as what was."""
    recorded(store, read_policy_folder(folder).sound(), 60)
    decision = store.past[0].recorded.decision.model_copy(update={"policy_digest": "f" * 64})
    other = store.past[0].recorded.model_copy(update={"decision": decision})
    store.past[0] = store.past[0].model_copy(update={"recorded": other})
    assert "the rules that decided are not at hand as they were" in proctor("explain", "run-0", "0")[1]


def test_explain_of_an_unknown_call_is_a_usage_error(proctor: Command) -> None:
    """Exit 2, naming the call."""
    code, _, err = proctor("explain", "run-9", "3", "--call", "1")
    assert 2 == code
    assert "3/1" in err


def test_diff_of_files_shows_what_loosens_first_and_exits_1(proctor: Command, tmp_path: Path) -> None:
    """Needs no store; the witness is a call."""
    other = write_clerk(tmp_path / "other", policy=LOOSER.replace("greater_than: 1000", "greater_than: 900"))
    code, out, err = proctor("diff", "refund-clerk", str(other))
    assert (1, ["loosens", "tightens"]) == (code, [line.split(":")[0] for line in out.splitlines()])
    assert "in all: loosens" in err
    assert [0, 0] == [proctor("diff", word, "refund-clerk")[0] for word in ("refund-clerk", str(write_clerk(tmp_path)))]
    changes = json.loads(proctor("diff", "refund-clerk", str(other), "-o", "json")[1])["changes"]
    assert 50 < changes[0]["witness"]["arguments"]["amount"] <= 80


def test_diff_takes_the_active_policy_and_a_digest(proctor: Command, folder: Path, store: PolicyStore) -> None:
    """What runs now is compared with what stands in the files."""
    assert 2 == proctor("diff", "active", "refund-clerk")[0]
    assert 0 == proctor("propose", "refund-clerk", "--as", "operator")[0]
    (folder / "policy.yaml").write_text(LOOSER)
    assert [1, 0] == [proctor("diff", *words)[0] for words in (("active", "refund-clerk"), ("refund-clerk", "active"))]
    assert 1 == proctor("diff", store.policies.kept[0].bundle_digest, "refund-clerk")[0]
    assert 2 == proctor("diff", "active", "active")[0]


def test_backtest_lists_looser_calls_first(proctor: Command, folder: Path, store: PolicyStore) -> None:
    """The default looks back seven days over the agent's own calls."""
    bundle = read_policy_folder(folder).sound()
    for amount in (10, 60, 200):
        recorded(store, bundle, amount)
    (folder / "policy.yaml").write_text(LOOSER)
    code, out, err = proctor("backtest", "refund-clerk")
    assert (0, 7 * 86_400) == (code, store.asked_within_s)
    assert "looser" in out
    assert "3 calls of refund-clerk: 2 as before, 1 looser, 0 stricter, 0 recorded without their facts" in err
    found = json.loads(proctor("backtest", "refund-clerk", "--since", "1h", "-o", "json")[1])
    assert [("require_approval", "allow")] == [(call["before"], call["after"]) for call in found["changed"]]


def test_versions_tell_the_story_of_a_change(proctor: Command, folder: Path) -> None:
    """Proposed, approved by the owner and by a second person; rejecting ends one."""
    assert 0 == proctor("propose", "refund-clerk", "--as", "operator")[0]
    (folder / "policy.yaml").write_text(LOOSER)
    assert "by the agent's owner and by a second person" in proctor("propose", "refund-clerk", "--as", "operator")[2]
    code, out, _ = proctor("versions", "refund-clerk", "-o", "json")
    assert [("v2", "proposed", "loosens"), ("v1", "active", "neutral")] == [
        (one["id"], one["state"], one["change"]) for one in json.loads(out)
    ]
    once = proctor("approve", "v2", "--as", "maria.ops")[2]
    assert "takes the owner whom the active policy names and a second person, and has maria.ops" in once
    code, out, _ = proctor("approve", "v2", "--as", "second.operator")
    assert (0, True) == (code, "active" in out)
    assert 6 == proctor("reject", "v2", "--reason", "no", "--as", "maria.ops")[0]


def test_versions_of_an_agent_without_runs_is_empty(proctor: Command) -> None:
    """And says what would record one."""
    code, _, err = proctor("versions", "refund-clerk")
    assert 0 == code
    assert "no recorded policy yet" in err


def test_policy_without_owner_is_told_in_check_only(proctor: Command, folder: Path) -> None:
    """An agent without an owner validates; its policy can be tested before anybody answers for it."""
    (folder / "manifest.yaml").write_text(MANIFEST.replace("  owner: maria.ops\n", ""))
    assert [0, 0] == [proctor(word)[0] for word in ("check", "test")]
