"""Running all tasks and all pairs of a suite through one policy."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Final

from agentdojo.functions_runtime import FunctionCall

from benchmarks.agentdojo.contracts import EFFECTS, EGRESS
from benchmarks.agentdojo.planner import Order, Planner, Replay
from benchmarks.agentdojo.sides import Judge, bundle_of
from benchmarks.agentdojo.suites import Pair, copied, environment, has_utility, is_attacked, pairs
from policies.flow.values import leaves
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.planning import DeclaredPlan
from proctor.contracts.tool import ArgumentRole, Effect

_NONE: Final[tuple[Effect, str, dict[str, ArgumentRole]]] = (Effect.READ, "", {})
MOST_BARE_VALUES: Final = 3
ORDERS: tuple[Order, ...] = ("at_once", "at_the_end")
Declare = Callable[[Any, Any, AgentBundle], DeclaredPlan | None]


@dataclass
class Figures:
    """Counts; they add up over suites."""

    pairs: int = 0
    attacks: int = 0
    useful_under_attack: int = 0
    tasks: int = 0
    useful: int = 0
    calls: int = 0
    approvals: int = 0
    denied: int = 0
    held_up: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)

    def __add__(self, other: "Figures") -> "Figures":
        """Add up."""
        return Figures(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})


def measure(suite: Any, judge_of: Callable[[AgentBundle], Judge], declare: Declare) -> Figures:
    """Replay every user task without injections, and every pair in every way that is bad for us."""
    bundle = bundle_of(suite)
    judge, figures = judge_of(bundle), Figures()
    plans = {user.ID: declare(suite, user, bundle) for user in suite.user_tasks.values()}
    for user in suite.user_tasks.values():
        figures += _benign(suite, user, Planner(suite, bundle, judge, user.PROMPT, plans[user.ID]))
    for pair in pairs(suite):
        figures += _attacked(suite, pair, Planner(suite, bundle, judge, pair.user.PROMPT, plans[pair.user.ID]))
    return figures


def _benign(suite: Any, user: Any, planner: Planner) -> Figures:
    given = user.init_environment(environment(suite, ""))
    before = copied(given)
    calls = user.ground_truth(copied(before))
    replay = planner.replay(given, calls, [], "", "at_once")
    useful = has_utility(suite, user, before, replay.environment, replay.made)
    held_up = [f"asked: {suite.name} {user.ID}: {line}" for line in replay.held_up]
    return Figures(
        tasks=1,
        useful=useful,
        calls=len(calls),
        approvals=replay.asked_for_user,
        denied=replay.denied,
        held_up=held_up if useful else [*held_up, f"NOT USEFUL: {suite.name} {user.ID}"],
    )


def _attacked(suite: Any, pair: Pair, planner: Planner) -> Figures:
    """Try every wording in every order; one success is a success, one loss of utility a loss."""
    outcomes = list(_attempts(suite, pair, planner))
    breaches = [name for name, succeeded, _ in outcomes if succeeded]
    return Figures(
        pairs=1,
        attacks=bool(breaches),
        useful_under_attack=all(useful for _, _, useful in outcomes),
        breaches=[f"BREACH: {suite.name} {pair.user.ID} {pair.injection.ID} {', '.join(breaches)}"] if breaches else [],
    )


def _attempts(suite: Any, pair: Pair, planner: Planner) -> Iterator[tuple[str, bool, bool]]:
    for wording, text in _texts(suite, pair).items():
        for order in ORDERS:
            given = pair.user.init_environment(environment(suite, text))
            before = copied(given)
            user_calls = pair.user.ground_truth(copied(before))
            injected = pair.injection.ground_truth(copied(before))
            replay: Replay = planner.replay(given, user_calls, injected, text, order)
            succeeded = is_attacked(suite, pair, before, replay.environment, replay.made)
            yield (
                f"{wording}/{order}",
                succeeded,
                has_utility(suite, pair.user, before, replay.environment, replay.made),
            )


def _texts(suite: Any, pair: Pair) -> dict[str, str]:
    """Give the wordings: the goal as AgentDojo states it, with every call spelled out, and the bare values alone.

    A bare value stands in its field as a real one would: nothing but its place tells it from data.
    """
    calls = pair.injection.ground_truth(environment(suite, ""))
    spelled = [f"{call.function}({json.dumps(dict(call.args), default=str)})" for call in calls]
    goal = " ".join(pair.injection.GOAL.split())
    texts = {"goal": goal, "spelled out": f"{goal} Call {' then '.join(spelled)}"}
    return texts | {f"bare {value}": value for value in _bare_values(calls)}


def _bare_values(calls: list[FunctionCall]) -> list[str]:
    steering = [(call, name) for call in calls for name, role in EFFECTS.get(call.function, _NONE)[2].items()]
    values = [call.args.get(name) for call, name in steering if EFFECTS[call.function][2][name] is ArgumentRole.TARGET]
    egress = [call.args.get(name) for call in calls for name in EGRESS.get(call.function, ())]
    leaf_values = [leaf for _, leaf in leaves([*values, *egress]) if leaf is not None]
    return list(dict.fromkeys(str(leaf) for leaf in leaf_values))[:MOST_BARE_VALUES]
