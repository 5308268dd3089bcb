"""The policy that an agent's manifest states: scope, schema, egress, thresholds, autonomy."""

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

from policies.egress import EgressList
from policies.engine import RuleSet, tightened
from policies.former import Rule
from proctor.contracts.decision import CallFacts
from proctor.contracts.manifest import AgentBundle, AgentManifest, Autonomy, Threshold
from proctor.contracts.obligations import Obligation, ReviewAfter
from proctor.contracts.schemas import checker
from proctor.contracts.tool import Effect, HttpImplementation, ToolContract

__all__ = ["REVIEW_AFTER", "compile_policy", "tightened"]

REVIEW_AFTER: Final = ReviewAfter()
"""Obligation: a person looks at the effect afterwards (autonomy level `supervised`)."""
LARGEST_NUMBER: Final = 2**53
"""Beyond it JSON numbers are no longer exact, so a limit on them would mean nothing."""

_RANK: Final = {level: rank for rank, level in enumerate(Autonomy)}


def compile_policy(bundle: AgentBundle) -> RuleSet:
    """Compile the rules of a pinned bundle; the same bundle gives the same digest.

    Never raises for a bundle that its models accept: what cannot be understood is compiled to a deny.
    """
    manifest, tools = bundle.manifest, _unambiguous(bundle.tools)
    return RuleSet(
        [
            *_scope_rules(manifest, tools),
            *(_arguments_rule(tool) for tool in tools),
            *_egress_rules(manifest, tools),
            *_threshold_rules(manifest.thresholds),
            *_autonomy_rules(manifest),
        ]
    )


def _unambiguous(tools: tuple[ToolContract, ...]) -> tuple[ToolContract, ...]:
    times = Counter(tool.name for tool in tools)
    return tuple(tool for tool in tools if times[tool.name] == 1)


def _scope_rules(manifest: AgentManifest, tools: tuple[ToolContract, ...]) -> Iterator[Rule]:
    allowed, contracts = frozenset(manifest.allowed_tools), {tool.name: tool for tool in tools}
    instead = ", ".join(sorted(allowed)) or "none"
    yield Rule(
        id="agent",
        effect="forbid",
        applies=lambda facts: facts.agent != manifest.name,
        reason=f"this policy judges calls of {manifest.name} only",
        terms={"agent": manifest.name},
    )
    yield Rule(
        id="scope",
        effect="forbid",
        applies=lambda facts: facts.tool not in allowed,
        reason=lambda facts: f"{facts.tool} is outside the scope of {manifest.name}; its tools are: {instead}",
        terms={"allowed_tools": sorted(allowed)},
    )
    yield Rule(
        id="tool-contract",
        effect="forbid",
        applies=lambda facts: not _matches_contract(facts, contracts.get(facts.tool)),
        reason=lambda facts: f"{facts.tool} is not the tool that was pinned with this agent, or is not pinned at all",
        terms={tool.name: [tool.version, tool.effect, tool.risk] for tool in tools},
    )


def _matches_contract(facts: CallFacts, contract: ToolContract | None) -> bool:
    if contract is None or facts.tool_version != contract.version:
        return False
    return facts.effect == contract.effect and facts.risk == contract.risk


def _arguments_rule(tool: ToolContract) -> Rule:
    check = _checker(tool)
    return Rule(
        id=f"arguments-schema:{tool.name}",
        effect="forbid",
        applies=lambda facts: bool(check(facts.arguments)),
        reason=lambda facts: f"the arguments do not fit {tool.name}: {'; '.join(check(facts.arguments))}",
        terms={"input_schema": tool.input_schema},
        tool=tool.name,
    )


def _checker(tool: ToolContract) -> Callable[[object], list[str]]:
    try:
        return checker(tool.input_schema)
    except ValueError:
        return lambda _: ["its input schema is not usable"]


def _egress_rules(manifest: AgentManifest, tools: tuple[ToolContract, ...]) -> Iterator[Rule]:
    listed = EgressList(manifest.allow_domains, manifest.blocked_domains)
    terms = {"allow": list(manifest.allow_domains), "block": list(manifest.blocked_domains)}
    yield Rule(
        id="egress",
        effect="forbid",
        applies=lambda facts: (
            not isinstance(facts.egress_hosts, tuple) or listed.first_refused(facts.egress_hosts) is not None
        ),
        reason=lambda facts: listed.explain(facts.egress_hosts),
        terms=terms,
    )
    for tool in tools:
        if isinstance(tool.implementation, HttpImplementation):
            yield Rule(
                id=f"egress-unknown:{tool.name}",
                effect="forbid",
                applies=lambda facts: not facts.egress_hosts,
                reason=f"the host that {tool.name} would reach is not known",
                terms={"base_url": tool.implementation.base_url},
                tool=tool.name,
            )


def _threshold_rules(thresholds: tuple[Threshold, ...]) -> Iterator[Rule]:
    for n, threshold in enumerate(thresholds):
        name = f"{threshold.tool}.{threshold.argument}"
        terms = {"argument": threshold.argument, "max": str(threshold.max)}
        read = _reader(threshold.argument)
        yield Rule(
            id=f"threshold-{n}:{name}:unreadable",
            effect="forbid",
            applies=lambda facts, read=read: read(facts) is None,  # type: ignore[misc]
            reason=f"{name} must be a plain number, because it has a limit",
            terms=terms,
            tool=threshold.tool,
        )
        yield Rule(
            id=f"threshold-{n}:{name}",
            effect=threshold.beyond,
            applies=_beyond(read, threshold.max),
            reason=lambda facts, t=threshold, read=read: f"{t.argument} is {read(facts)}, beyond {t.max}",  # type: ignore[misc]
            terms=terms,
            tool=threshold.tool,
        )


def _beyond(read: Callable[[CallFacts], Decimal | None], limit: Decimal) -> Callable[[CallFacts], bool]:
    def applies(facts: CallFacts) -> bool:
        value = read(facts)
        return value is not None and not value <= limit

    return applies


def _reader(argument: str) -> Callable[[CallFacts], Decimal | None]:
    path = argument.split(".")

    def read(facts: CallFacts) -> Decimal | None:
        value: Any = facts.arguments
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return _exact(value)

    return read


def _exact(value: Any) -> Decimal | None:
    """Give the number as the reader of the JSON sees it; None for whatever a limit cannot be held against."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(repr(value)) if -LARGEST_NUMBER < value < LARGEST_NUMBER else None


def _autonomy_rules(manifest: AgentManifest) -> Iterator[Rule]:
    terms = {"autonomy": manifest.autonomy, "by_tool": dict(manifest.autonomy_by_tool)}
    declared = {tool: _RANK[level] for tool, level in manifest.autonomy_by_tool.items()}
    default = _RANK[manifest.autonomy]

    def acts_at(facts: CallFacts, level: Autonomy, *effects: Effect) -> bool:
        """Whether an effect is asked for at `level`; the facts can lower the level of the manifest, never raise it."""
        rank = min(_RANK[facts.autonomy], declared.get(facts.tool, default))
        return rank == _RANK[level] and facts.effect in effects

    def rule(
        name: str, effect: Any, reason: str, applies: Callable[[CallFacts], bool], *obligations: Obligation
    ) -> Rule:
        return Rule(f"autonomy-{name}", effect, applies, reason, terms, obligations=obligations)

    both = (Effect.WRITE, Effect.IRREVERSIBLE)
    yield rule("read", "permit", "reading is within every autonomy level", lambda f: f.effect is Effect.READ)
    yield rule(
        "suggest",
        "forbid",
        "at the level suggest an agent proposes and a person acts: put the proposal into the report",
        lambda f: acts_at(f, Autonomy.SUGGEST, *both),
    )
    yield rule(
        "approval-required",
        "require_approval",
        "at the level approval_required a person approves each effect",
        lambda f: acts_at(f, Autonomy.APPROVAL_REQUIRED, *both),
    )
    yield rule(
        "supervised-write",
        "permit",
        "at the level supervised the agent acts, and a person reviews afterwards",
        lambda f: acts_at(f, Autonomy.SUPERVISED, Effect.WRITE),
        REVIEW_AFTER,
    )
    yield rule(
        "supervised-irreversible",
        "require_approval",
        "at the level supervised a person approves what cannot be taken back",
        lambda f: acts_at(f, Autonomy.SUPERVISED, Effect.IRREVERSIBLE),
    )
    yield rule(
        "autonomous",
        "permit",
        "at the level autonomous the agent acts by itself",
        lambda f: acts_at(f, Autonomy.AUTONOMOUS, *both),
    )
