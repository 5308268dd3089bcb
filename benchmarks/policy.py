"""`python -m benchmarks.policy`: what one policy decision costs, beside Cedar on the same rules, in the same run.

31 rules apply to the call: those of a manifest and of a policy document. Ours holds the arguments against the tool's
JSON Schema too, which Cedar is not asked to; Cedar's policies are parsed beforehand, and its time includes what
cedarpy takes to hand over the request.
"""

import argparse
import gc
import time
from collections.abc import Callable
from itertools import chain
from typing import Any, Final

from benchmarks.cedar import CedarPolicy, can_say, context_of
from benchmarks.figures import Figure, Goal, percentile
from benchmarks.report import machine
from policies.engine import CompiledPolicy
from policies.manifest_policy import compile_policy
from policies.programs import evaluate
from policies.trees import comparisons
from proctor.contracts.decision import Verdict
from proctor.contracts.ids import ToolName
from proctor.contracts.manifest import AgentBundle, AgentManifest
from proctor.contracts.policy import PolicyDocument
from proctor.contracts.tool import ToolContract

RULES: Final = 31
GOAL_US: Final = 5.0
ROUNDS: Final = 20_000
QUICK_ROUNDS: Final = 4_000
BLOCKS: Final = 5
"""The sides take turns, so that another process disturbs all of them."""
TRANSFER: Final = ToolContract.model_validate(
    {
        "name": "Transfer",
        "effect": "irreversible",
        "risk": "medium",
        "input_schema": {
            "type": "object",
            "additionalProperties": False,
            "required": ["to", "amount", "currency", "purpose"],
            "properties": {
                "to": {"type": "string", "maxLength": 64},
                "amount": {"type": "integer", "minimum": 0, "maximum": 100_000},
                "currency": {"enum": ["EUR", "USD", "GBP", "CHF"]},
                "purpose": {"type": "string", "maxLength": 140},
                "urgent": {"type": "boolean"},
            },
        },
    }
)


def _rule(name: str, effect: str, *when: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "effect": effect, "tool": "Transfer", "when": {"all": list(when)}, "reason": name}


def _is(fact: str, **operator: Any) -> dict[str, Any]:
    return {"fact": fact, **{name.removesuffix("_"): operand for name, operand in operator.items()}}


def document() -> PolicyDocument:
    """Give a policy as a bank would write it for an agent that pays invoices."""
    amount, to = "arguments.amount", "arguments.to"
    urgent = _is("arguments.urgent", equals=True, default=False)
    tainted = _is("run.has_read_untrusted", equals=True)
    rules = [
        _rule("small", "permit", _is(amount, at_most=50), _is("arguments.currency", in_=["EUR", "CHF"])),
        _rule("known-supplier", "permit", _is(to, in_=["acme", "globex", "initech"]), _is(amount, at_most=500)),
        _rule("large", "require_approval", _is(amount, greater_than=250)),
        _rule("foreign", "require_approval", _is("arguments.currency", not_in=["EUR", "CHF"])),
        _rule("urgent", "require_approval", urgent, _is(amount, greater_than=20)),
        _rule("night", "require_approval", {"any": [_is("time.hour", less_than=6), _is("time.hour", at_least=22)]}),
        _rule("weekend", "require_approval", _is("time.weekday", in_=["sat", "sun"])),
        _rule("too-large", "forbid", _is(amount, greater_than=10_000)),
        _rule("self", "forbid", _is(to, equals="clerk")),
        _rule("test-accounts", "forbid", _is(to, matches="test-*"), _is("environment", equals="production")),
        _rule("cash", "forbid", _is("arguments.purpose", matches="*cash*")),
        _rule("gift-cards", "forbid", _is("arguments.purpose", matches="*gift card*")),
        _rule("too-late-in-run", "forbid", _is("iteration", greater_than=50)),
        _rule("spent", "require_approval", _is("cost.spent_usd", greater_than=5)),
        _rule("untrusted-target", "require_approval", _is("labels.to.integrity", equals="untrusted")),
        _rule("untrusted-amount", "require_approval", _is("labels.amount.integrity", equals="untrusted")),
        _rule("secret-purpose", "forbid", _is("labels.purpose.confidentiality", in_=["pii", "secret"])),
        _rule("off-plan", "require_approval", _is("run.plan", equals="off_plan"), tainted),
        _rule("often", "require_approval", _is("windows.hourly", greater_than=10)),
        _rule("sum", "forbid", _is("windows.daily_sum", greater_than=5_000)),
        _rule("guests", "forbid", _is("requester", matches="guest-*")),
        _rule("other-tenant", "forbid", {"not": _is("tenant", in_=["default", "bank"])}),
    ]  # fmt: skip
    window = {"tool": "Transfer", "within_s": 3600}
    windows = [
        {"id": "hourly", "measure": "count", **window},
        {"id": "daily_sum", "measure": "sum", "argument": "amount", **window},
    ]
    return PolicyDocument.model_validate({"rules": rules, "windows": windows, "data_flow": "observed"})


def policy() -> CompiledPolicy:
    """Compile it with the manifest's rules."""
    manifest = AgentManifest.model_validate(
        {"name": "clerk", "owner": "ana", "autonomy": "autonomous", "allowed_tools": ("Transfer",)}
    )
    compiled = compile_policy(AgentBundle(manifest=manifest, tools=(TRANSFER,), policy=document()))
    found = len(compiled.rules)
    if found != RULES:
        raise RuntimeError(f"the policy has {found} rules, not {RULES}")
    return compiled


def call(**arguments: Any) -> dict[str, Any]:
    """Give the facts of one call."""
    given = {"to": "acme", "amount": 42, "currency": "EUR", "purpose": "invoice 2026-1143", **arguments}
    labels = {f"labels.{name}.integrity": "trusted" for name in given}
    labels |= {f"labels.{name}.confidentiality": "internal" for name in given}
    return {
        "agent": "clerk", "requester": "rob", "tenant": "default", "environment": "production",
        "tool": "Transfer", "tool_version": "1", "effect": "irreversible", "risk": "medium",
        "autonomy.low": "autonomous", "autonomy.medium": "autonomous", "autonomy.high": "supervised",
        "iteration": 3, "cost.spent_usd": 1, "time.hour": 11, "time.weekday": "tue", "egress.hosts": [],
        "run.plan": "none", "run.has_read_untrusted": True, "goal.denied": "no",
        "windows.hourly": 4, "windows.daily_sum": 900, "arguments": given, **labels,
    }  # fmt: skip


def timed(work: Callable[[], object], rounds: int) -> tuple[float, ...]:
    """Time single calls, in microseconds; the timer's own cost is taken off."""
    clock = time.perf_counter_ns
    idle = min(_once(lambda: None, clock) for _ in range(1000))
    for _ in range(200):
        work()
    gc.collect()
    gc.disable()
    try:
        return tuple(max(_once(work, clock) - idle, 0) / 1000 for _ in range(rounds))
    finally:
        gc.enable()


def _once(work: Callable[[], object], clock: Callable[[], int]) -> int:
    start = clock()
    work()
    return clock() - start


def measure_policy(rounds: int = ROUNDS) -> dict[str, tuple[float, ...]]:
    """Time one decision: ours by generated code, ours by the tree, and Cedar's; in microseconds."""
    ours, facts = policy(), call()
    program, decision = ours.program(ToolName("Transfer")), ours.judge(facts)
    rules = [line.rule for line in program.lines if can_say(line.when)]
    cedar = CedarPolicy(rules)
    context = context_of(facts, {asked.fact for rule in rules for asked in comparisons(rule.when)})
    if not (decision.verdict is Verdict.ALLOW and cedar.allows(context)):
        raise RuntimeError(f"the sides do not decide alike: {decision.verdict}, {decision.reason}")
    sides: dict[str, tuple[Callable[[], object], int]] = {
        "proctor": (lambda: ours.judge(facts), rounds // BLOCKS),
        "interpreter": (lambda: evaluate(program, facts), rounds // BLOCKS // 10),
        "cedar": (lambda: cedar.allows(context), rounds // BLOCKS // 10),
    }
    blocks = [{side: timed(*work) for side, work in sides.items()} for _ in range(BLOCKS)]
    return {side: tuple(chain.from_iterable(block[side] for block in blocks)) for side in sides}


def policy_figures(rounds: int = ROUNDS) -> list[Figure]:
    """Give the figures for the suite's report: one decision, and how many times as long the others take."""
    taken = measure_policy(rounds)
    ours = {rank: percentile(taken["proctor"], rank) for rank in (50, 99)}
    goals = {50: Goal(GOAL_US, "at_most")}
    cost = [Figure("policy", f"{RULES} rules, p{n}", "µs", "proctor", (ours[n],), goals.get(n)) for n in ours]
    others = [
        Figure("policy", f"{side}, p50", "times ours", "proctor", (percentile(taken[side], 50) / ours[50],))
        for side in ("interpreter", "cedar")
    ]
    return [*cost, *others]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="decisions to time")
    taken = measure_policy(parser.parse_args().rounds)
    for about, text in machine().items():
        print(f"{about:<12} {text}")
    for rank in (50, 99):
        ours = percentile(taken["proctor"], rank)
        for side, samples in taken.items():
            value = percentile(samples, rank)
            print(f"{RULES} rules, p{rank}  {side:<12} {value:9.2f} µs  {value / ours:7.1f} times ours")


if __name__ == "__main__":
    main()
