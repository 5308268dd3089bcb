"""The policy of an agent: what its manifest, its tools and its policy document say, as one set of rules."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from math import inf, nextafter
from typing import Final

from policies.conditions import ALWAYS, AllOf, AnyOf, Compare, Condition, Fact, Kind, Not
from policies.document_rules import (
    Tiers,
    permitted_by_document,
    risk_tiers,
    typed_preferences,
    typed_rules,
    windows_of,
)
from policies.engine import CompiledPolicy, tightened
from policies.facts import (
    AGENT,
    AUTONOMY,
    EFFECT,
    GOAL_DENIED,
    HOSTS,
    LARGEST_NUMBER,
    RISK,
    TOOL,
    TOOL_VERSION,
    argument_fact,
    argument_facts,
)
from policies.flow.rules import flow_rules
from policies.hosts import ANY_HOST, parse_pattern
from policies.rules import Rule
from policies.trees import equals, is_in
from proctor.contracts.decision import RuleEffect
from proctor.contracts.manifest import AgentBundle, AgentManifest, Autonomy, Threshold
from proctor.contracts.obligations import Obligation, ReviewAfter, Signed
from proctor.contracts.tool import Effect, HttpImplementation, Risk, ToolContract

__all__ = ["REVIEW_AFTER", "compile_policy", "tightened"]

REVIEW_AFTER: Final = ReviewAfter()
"""Obligation: a person looks at the effect afterwards (autonomy level `supervised`)."""
_BOTH: Final = (Effect.WRITE.value, Effect.IRREVERSIBLE.value)


def compile_policy(bundle: AgentBundle) -> CompiledPolicy:
    """Compile the rules of a pinned bundle; the same bundle gives the same digest.

    The levels of autonomy that the manifest declares are no rules: the facts `autonomy.TIER` are made from them and
    from live promotions and demotions. The digest covers them. Never raises for a bundle that its models accept: what
    cannot be understood is compiled to a deny.
    """
    manifest, document, tools = bundle.manifest, bundle.policy, _unambiguous(bundle.tools)
    known = bundle.model_copy(update={"tools": tools})
    rules = [
        *_scope_rules(manifest, tools),
        *_egress_rules(manifest, tools),
        *_threshold_rules(manifest.thresholds, known),
        *_autonomy_rules(risk_tiers(document, known)),
        _signatures(risk_tiers(document, known)),
        *flow_rules(known),
        *(typed_rules(document, known) if document else ()),
        *_permits(bundle),
    ]
    return CompiledPolicy(
        _told_apart(rules),
        tools,
        windows_of(document) if document else (),
        preferences=typed_preferences(document, known) if document else (),
        terms={"autonomy": _declared(manifest)},
    )


def _unambiguous(tools: tuple[ToolContract, ...]) -> tuple[ToolContract, ...]:
    times = Counter(tool.name for tool in tools)
    return tuple(tool for tool in tools if times[tool.name] == 1)


def _declared(manifest: AgentManifest) -> dict[str, list[str]]:
    levels = {str(tool): [manifest.autonomy_for(tool, risk).value for risk in Risk] for tool in manifest.allowed_tools}
    return {**levels, "*": [manifest.autonomy.value]}


def _told_apart(rules: Iterable[Rule]) -> Iterator[Rule]:
    """Give every rule an id of its own; of two with one id the second forbids what it looks at."""
    taken: set[str] = set()
    for rule in rules:
        if rule.id in taken:
            name = next(name for n in range(2, len(taken) + 3) if (name := f"{rule.id}~{n}") not in taken)
            reason = f"two rules have the id {rule.id}, so that nothing that they look at is allowed"
            yield Rule(name, "forbid", ALWAYS, reason, tools=rule.tools)
            taken.add(name)
        else:
            yield rule
            taken.add(rule.id)


def _scope_rules(manifest: AgentManifest, tools: tuple[ToolContract, ...]) -> Iterator[Rule]:
    allowed = tuple(dict.fromkeys(manifest.allowed_tools))
    instead = ", ".join(sorted(allowed)) or "none"
    yield Rule(
        "agent",
        "forbid",
        Not(equals(AGENT, manifest.name)),
        f"this policy judges calls of {manifest.name} only",
    )
    yield Rule(
        "scope",
        "forbid",
        Not(is_in(TOOL, allowed)),
        f"the tool is outside the scope of {manifest.name}; its tools are: {instead}",
        f"use one of: {instead}" if allowed else "",
    )
    yield Rule(
        "tool-contract",
        "forbid",
        Not(AnyOf(tuple(_is_pinned(tool) for tool in tools))),
        "this is not the tool that was pinned with this agent, or it is not pinned at all",
    )
    yield Rule(
        "denied-before",
        "forbid",
        AllOf((Not(equals(GOAL_DENIED, "no")), _has_goal(tools))),
        "the same was denied before in this run, and asking again in other words changes nothing",
        "do what is allowed instead, or end the run and report what was denied",
    )


def _has_goal(tools: tuple[ToolContract, ...]) -> Condition:
    leaving = tuple(tool.name for tool in tools if tool.is_read and tool.egress_arguments)
    return AnyOf((is_in(EFFECT, _BOTH), is_in(TOOL, leaving))) if leaving else is_in(EFFECT, _BOTH)


def _is_pinned(tool: ToolContract) -> Condition:
    facts = ((TOOL, tool.name), (TOOL_VERSION, tool.version), (EFFECT, tool.effect.value), (RISK, tool.risk.value))
    return AllOf(tuple(equals(fact, value) for fact, value in facts))


def _egress_rules(manifest: AgentManifest, tools: tuple[ToolContract, ...]) -> Iterator[Rule]:
    listed = ", ".join(manifest.allow_domains) or "none"
    yield Rule(
        "egress",
        "forbid",
        _is_refused(manifest),
        f"a host that the call would reach is not among the allowed domains, which are: {listed}",
    )
    for tool in tools:
        if isinstance(tool.implementation, HttpImplementation):
            name, reason = f"egress-unknown:{tool.name}", f"the host that {tool.name} would reach is not known"
            yield Rule(name, "forbid", Compare(HOSTS, "only", ()), reason, tools=(tool.name,))


def _is_refused(manifest: AgentManifest) -> Condition:
    """Refuse what is not listed, or is blocked; a pattern that cannot be read closes the list, as in `EgressList`."""
    blocked = [pattern for pattern in manifest.blocked_domains if pattern != ANY_HOST]
    if not all(map(_is_readable, (*manifest.allow_domains, *blocked))):
        return Not(Compare(HOSTS, "only", ()))
    reached = (Compare(HOSTS, "contains", (pattern,)) for pattern in blocked)
    return AnyOf((Not(Compare(HOSTS, "only", manifest.allow_domains)), *reached))


def _is_readable(pattern: str) -> bool:
    try:
        parse_pattern(pattern)
    except ValueError:
        return False
    return True


def _threshold_rules(thresholds: tuple[Threshold, ...], bundle: AgentBundle) -> Iterator[Rule]:
    for n, threshold in enumerate(thresholds):
        fact, limit = _limited(threshold, bundle), _at_most(threshold.max)
        yield Rule(
            f"threshold-{n}:{threshold.tool}.{threshold.argument}",
            threshold.beyond,
            Compare(fact, "greater_than", (limit,)),
            f"{threshold.argument} is beyond {threshold.max}",
            f"stay within {threshold.max}",
            (threshold.tool,),
        )


def _limited(threshold: Threshold, bundle: AgentBundle) -> Fact:
    """Give the limited argument as a number that must be there, whatever the schema says of it."""
    wanted, tool = argument_fact(threshold.argument), bundle.tool(threshold.tool)
    typed = (fact for fact in (argument_facts(tool) if tool else ()) if fact.name == wanted.name)
    found = next(typed, wanted)
    return replace(found, is_optional=False) if found.kind is Kind.NUMBER else wanted


def _at_most(limit: Decimal) -> float:
    """Give the largest JSON number within the limit."""
    bounded = max(Decimal(1 - LARGEST_NUMBER), min(limit, Decimal(LARGEST_NUMBER - 1)))
    value = float(bounded)
    return value if Decimal(repr(value)) <= bounded else nextafter(value, -inf)


def _autonomy_rules(tiers: Tiers) -> Iterator[Rule]:
    def rule(
        level: Autonomy, name: str, effect: RuleEffect, effects: tuple[str, ...], reason: str, *owed: Obligation
    ) -> Rule:
        cells = AnyOf(tuple(AllOf((tiers[risk], equals(AUTONOMY[risk], level.value))) for risk in Risk))
        return Rule(f"autonomy-{name}", effect, AllOf((is_in(EFFECT, effects), cells)), reason, obligations=owed)

    yield rule(
        Autonomy.SUGGEST,
        "suggest",
        "forbid",
        _BOTH,
        "at the level suggest an agent proposes and a person acts: put the proposal into the report",
    )
    yield rule(
        Autonomy.APPROVAL_REQUIRED,
        "approval-required",
        "require_approval",
        _BOTH,
        "at the level approval_required a person approves each effect",
    )
    yield rule(
        Autonomy.SUPERVISED,
        "supervised-write",
        "oblige",
        (Effect.WRITE.value,),
        "at the level supervised the agent acts, and a person reviews afterwards",
        REVIEW_AFTER,
    )
    yield rule(
        Autonomy.SUPERVISED,
        "supervised-irreversible",
        "require_approval",
        (Effect.IRREVERSIBLE.value,),
        "at the level supervised a person approves what cannot be taken back",
    )


def _signatures(tiers: Tiers) -> Rule:
    reason = "at the high tier an approval carries the approver's signature"
    return Rule("high-risk-signed", "oblige", tiers[Risk.HIGH], reason, obligations=(Signed(),))


def _permits(bundle: AgentBundle) -> Iterator[Rule]:
    """Permit the tools that no permit rule of the document names."""
    tools = tuple(dict.fromkeys(bundle.manifest.allowed_tools))
    named = permitted_by_document(bundle.policy, tools)
    for tool in tools:
        if tool not in named:
            reason = f"{tool} is among the tools of {bundle.manifest.name}"
            yield Rule(f"scope-permit:{tool}", "permit", ALWAYS, reason, tools=(tool,))
