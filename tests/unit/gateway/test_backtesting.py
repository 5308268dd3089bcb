from pathlib import Path
from typing import Any

import pytest

from gateway.assumed_facts import assumed_facts
from gateway.backtesting import Backtest, backtest
from gateway.policy_files import read_policy_folder
from policies.manifest_policy import compile_policy
from proctor.contracts.decision import RecordedDecision
from proctor.contracts.manifest import AgentBundle

from .policy_agents import MANIFEST, POLICY, TOOLS, write_clerk
from .policy_fakes import PolicyStore


@pytest.fixture
def store() -> PolicyStore:
    return PolicyStore()


def bundle_of(folder: Path, **changes: str) -> AgentBundle:
    return read_policy_folder(write_clerk(folder, **changes)).sound()


def record(
    store: PolicyStore, bundle: AgentBundle, amount: Any, given: dict[str, Any] | None = None, **changes: Any
) -> None:
    policy = compile_policy(bundle)
    arguments = {"order": "7", "amount": amount}
    windows = policy.windows_for("RefundOrder")
    store.judge(
        bundle, policy, assumed_facts(bundle, "RefundOrder", arguments, given or {}, windows=windows), **changes
    )


async def tried(store: PolicyStore, bundle: AgentBundle) -> Backtest:
    return await backtest(bundle, store.past_calls("refund-clerk", 3600), store.bundle)


async def test_same_policy_changes_nothing(tmp_path: Path, store: PolicyStore) -> None:
    """What is decided again on the same facts comes out the same."""
    bundle = bundle_of(tmp_path)
    for amount in (40, 60, "60"):
        record(store, bundle, amount)
    found = await tried(store, bundle)
    assert (3, 3, 0, 0) == (found.calls, found.same, found.looser, found.stricter)
    assert {"small-refunds": 1, "large-refunds": 1, "arguments-schema:RefundOrder": 1} == found.rules


async def test_calls_that_would_be_decided_otherwise_come_looser_first(tmp_path: Path, store: PolicyStore) -> None:
    """The reader sees first what a new policy would let through."""
    before = bundle_of(tmp_path / "a")
    for amount in (40, 60, 200):
        record(store, before, amount)
    other = POLICY.replace("greater_than: 50}", "greater_than: 100}").replace(
        "windows.refunded_today, greater_than: 1000", "arguments.amount, less_than: 45"
    )
    found = await tried(store, bundle_of(tmp_path / "b", policy=other))
    assert [(60, "require_approval", "allow"), (40, "allow", "deny")] == [
        (call.arguments["amount"], call.before, call.after) for call in found.changed
    ]
    assert (1, 1, 1) == (found.same, found.looser, found.stricter)


async def test_levels_and_contracts_are_those_of_the_policy_that_is_tried(tmp_path: Path, store: PolicyStore) -> None:
    """A manifest with less autonomy, or a tool of more risk, changes what is decided."""
    record(store, bundle_of(tmp_path / "a"), 40)
    less = bundle_of(tmp_path / "b", manifest=MANIFEST.replace("autonomy: supervised", "autonomy: approval_required"))
    riskier = bundle_of(
        tmp_path / "c",
        tools=TOOLS.replace(
            "RefundOrder\n    effect: write\n    risk: low", "RefundOrder\n    effect: write\n    risk: high"
        ),
    )
    newer = bundle_of(tmp_path / "d", tools=TOOLS.replace("name: RefundOrder", 'name: RefundOrder\n    version: "2"'))
    verdicts = [(await tried(store, bundle)).changed for bundle in (less, riskier, newer)]
    assert [["require_approval"], ["require_approval"], []] == [
        [call.after for call in changed] for changed in verdicts
    ]


async def test_demotion_that_was_live_stays_live(tmp_path: Path, store: PolicyStore) -> None:
    """A level that was lowered then is not raised by trying other rules."""
    bundle = bundle_of(tmp_path / "a")
    record(store, bundle, 40, {"autonomy.low": "suggest"})
    higher = bundle_of(tmp_path / "b", manifest=MANIFEST.replace("autonomy: supervised", "autonomy: autonomous"))
    found = await tried(store, higher)
    assert (1, {"autonomy-suggest": 1}) == (found.same, found.rules)


async def test_new_window_is_counted_from_the_calls_of_the_look_back(tmp_path: Path, store: PolicyStore) -> None:
    """It fills as it would have; calls that are known to have failed do not count; and the note says so."""
    before = bundle_of(tmp_path / "a")
    for effect in ("confirmed", "failed", "unknown", "confirmed"):
        record(store, before, 40, effect=effect)
    counting = POLICY.replace("windows:", "windows:\n  - {id: often, measure: count, tool: RefundOrder, within: 1h}")
    counting = counting.replace("windows.refunded_today, greater_than: 1000", "windows.often, at_least: 3")
    found = await tried(store, bundle_of(tmp_path / "b", policy=counting))
    assert ["run-3"] == [call.run_id for call in found.changed]
    assert any("often: not recorded" in note for note in found.notes)


@pytest.mark.parametrize(
    ("window", "denied"),
    [
        ("measure: sum, argument: amount, within: 1h", ["run-2"]),
        ("measure: sum, argument: amount, within: 1m", []),
        ("measure: sum, argument: amount, within: 1h, per: run", []),
        ("measure: sum, argument: amount, within: 1h, same: [order]", ["run-2"]),
        ("measure: sum, argument: amount, within: 1h, same: [amount]", ["run-2"]),
        ("measure: sum, argument: amount, within: 1h, per: requester", ["run-2"]),
    ],
)
async def test_windows_measure_as_they_say(tmp_path: Path, store: PolicyStore, window: str, denied: list[str]) -> None:
    """Time, whose calls, and what must be the same are held to."""
    before = bundle_of(tmp_path / "a")
    for _ in range(3):
        record(store, before, 40)
    summing = POLICY.replace("windows:", f"windows:\n  - {{id: total, tool: RefundOrder, {window}}}")
    summing = summing.replace("windows.refunded_today, greater_than: 1000", "windows.total, greater_than: 100")
    found = await tried(store, bundle_of(tmp_path / "b", policy=summing))
    assert denied == [call.run_id for call in found.changed]


async def test_fact_that_nobody_read_then_is_taken_from_the_record_of_the_run(
    tmp_path: Path, store: PolicyStore
) -> None:
    """A new rule may ask for the time or the requester; what is not known is taken as it most likely was, and told."""
    before = bundle_of(tmp_path / "a")
    record(store, before, 40)
    facts = {
        name: value for name, value in store.past[0].recorded.facts.items() if not name.startswith(("time", "cost"))
    }
    bare = store.past[0].recorded.model_copy(update={"facts": facts})
    store.past[0] = store.past[0].model_copy(update={"recorded": bare})
    asking = "{all: [{fact: time.hour, equals: 12}, {fact: cost.spent_usd, less_than: 1}]}"
    other = POLICY.replace("{fact: windows.refunded_today, greater_than: 1000}", asking)
    found = await tried(store, bundle_of(tmp_path / "b", policy=other))
    assert ["deny"] == [call.after for call in found.changed]
    assert any("cost.spent_usd as 0" in note for note in found.notes)


@pytest.mark.parametrize(
    ("per", "change", "denied"),
    [
        ("requester", {"requester": "zoe"}, []),
        ("agent", {"requester": "zoe"}, ["run-2"]),
        ("tenant", {"tenant": "other"}, []),
        ("agent", {"tool": "SendMail"}, []),
        ("agent", {"arguments": {"order": "8", "amount": 40}}, []),
    ],
)
async def test_calls_of_others_are_counted_by_no_window_that_leaves_them_out(
    tmp_path: Path, store: PolicyStore, per: str, change: dict[str, Any], denied: list[str]
) -> None:
    """Another requester, tenant, tool or order."""
    before = bundle_of(tmp_path / "a")
    for _ in range(3):
        record(store, before, 40)
    store.past[0] = store.past[0].model_copy(update=change)
    total = f"id: total, tool: RefundOrder, measure: sum, argument: amount, within: 1h, per: {per}, same: [order]"
    summing = POLICY.replace("windows:", f"windows:\n  - {{{total}}}")
    summing = summing.replace("windows.refunded_today, greater_than: 1000", "windows.total, greater_than: 100")
    found = await tried(store, bundle_of(tmp_path / "b", policy=summing))
    assert denied == [call.run_id for call in found.changed if call.run_id == "run-2"]


async def test_call_without_recorded_facts_is_not_guessed(tmp_path: Path, store: PolicyStore) -> None:
    """It is counted apart, neither as the same nor as changed."""
    bundle = bundle_of(tmp_path)
    record(store, bundle, 40)
    bare = RecordedDecision(call=0, decision=store.past[0].recorded.decision, arguments_digest="0" * 64)
    store.past[0] = store.past[0].model_copy(update={"recorded": bare})
    found = await tried(store, bundle)
    assert (1, 1, 0) == (found.calls, found.undecided, found.same)
