"""How the value of a window moves when its definition changes."""

from collections.abc import Iterable
from typing import Final

from policies.conditions import ALWAYS, AllOf, AnyOf, Compare, Condition, Fact, Not
from policies.facts import argument_facts
from policies.trees import comparisons
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.policy import WindowForm

_WITHIN: Final = {
    "run": {"run", "agent", "requester", "tenant"},
    "agent": {"agent", "tenant"},
    "requester": {"requester", "tenant"},
    "tenant": {"tenant"},
}
"""Whose calls are also counted by whom."""


def counts_at_least(wider: WindowForm, narrower: WindowForm) -> bool:
    """Whether every call that `narrower` counts is counted by `wider` too, for the same measure."""
    return (
        wider.measure == narrower.measure
        and wider.argument == narrower.argument
        and wider.within_s >= narrower.within_s
        and wider.per in _WITHIN[narrower.per]
        and set(wider.tools) >= set(narrower.tools)
        and set(wider.same) <= set(narrower.same)
    )


def relation(
    before: tuple[WindowForm, Fact], after: tuple[WindowForm, Fact], asked: Iterable[Condition], bundle: AgentBundle
) -> Condition:
    """Say how the values of two definitions of a window are related, in any history of calls.

    A count only grows when more calls are counted, and so does a sum of what is never negative; the time since the
    newest call only shrinks.
    """
    constants = {
        operand
        for condition in asked
        for compare in comparisons(condition)
        if compare.fact.name in {before[1].name, after[1].name}
        for operand in compare.operands
    }
    if not _is_monotone(before[0], bundle):
        return ALWAYS
    order = []
    if counts_at_least(after[0], before[0]):
        order.append((before[1], after[1]))
    if counts_at_least(before[0], after[0]):
        order.append((after[1], before[1]))
    if before[0].measure == "last":
        order = [(more, fewer) for fewer, more in order]
    return AllOf(tuple(_not_below(low, high, float(constant)) for low, high in order for constant in constants))


def _not_below(low: Fact, high: Fact, constant: float) -> Condition:
    """Say that `high` is not below `low`, as far as this constant tells them apart."""
    return AllOf(
        tuple(
            AnyOf((Not(Compare(low, operator, (constant,))), Compare(high, operator, (constant,))))
            for operator in ("at_least", "greater_than")
        )
    )


def _is_monotone(form: WindowForm, bundle: AgentBundle) -> bool:
    if form.measure != "sum":
        return True
    contracts = [bundle.tool(name) for name in form.tools]
    facts = [fact for tool in contracts if tool is not None for fact in argument_facts(tool)]
    summed = [fact for fact in facts if fact.name == f"arguments.{form.argument}"]
    return len(summed) == len(form.tools) and all(fact.minimum is not None and fact.minimum >= 0 for fact in summed)
