"""What an agent may do while a breaker of a tool is open: its manifest says, and it only tightens (R3)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from policies.engine import tightened
from proctor.contracts.decision import Decision, FiredRule, RuleEffect, Verdict
from proctor.contracts.ids import ToolName
from proctor.contracts.manifest import AgentManifest
from proctor.contracts.tool import ToolContract
from proctor.contracts.traffic import (
    BREAKER_ASK_PERSON,
    BREAKER_OPEN,
    BREAKER_OTHER_TOOL,
    BREAKER_READ_ONLY,
    Breaker,
    Degradation,
)

BreakersOf = Callable[[ToolName], tuple[str, ...]]
"""Names of a tool's breakers: its own, and those of the hosts that it reaches."""
REFUSE: Final = Degradation()


def degraded(
    decision: Decision,
    manifest: AgentManifest,
    contract: ToolContract,
    breakers: Iterable[Breaker],
    breakers_of: BreakersOf,
) -> Decision:
    """Tighten a decision by the breakers that are shut now. Never loosens it; with none shut it stays as it is."""
    shut = {breaker.name: breaker for breaker in breakers if breaker.is_shut}
    if not shut:
        return decision
    own = _first(shut, breakers_of(contract.name))
    if own is not None:
        decision = tightened(decision, _said(decision, contract.name, own, manifest))
    if not contract.is_read:
        for tool, to in manifest.degradation.items():
            other = _first(shut, breakers_of(tool)) if to.to == "read_only" else None
            if other is not None:
                reason = f"{other.shown}, and until {tool} is back {manifest.name} only reads"
                return tightened(
                    decision, _ruled(decision, BREAKER_READ_ONLY, "forbid", reason, "read, or end the run")
                )
    return decision


def _first(shut: Mapping[str, Breaker], names: Iterable[str]) -> Breaker | None:
    return next((shut[name] for name in names if name in shut), None)


def _said(decision: Decision, tool: ToolName, breaker: Breaker, manifest: AgentManifest) -> Decision:
    to = manifest.degradation.get(tool, REFUSE)
    if to.to == "ask_person":
        reason = f"{breaker.shown}, so that a person decides on each call of {tool}"
        return _ruled(decision, BREAKER_ASK_PERSON, "require_approval", reason)
    if to.to == "other_tool" and to.tool is not None:
        return _ruled(decision, BREAKER_OTHER_TOOL, "forbid", breaker.shown, f"use {to.tool} instead of {tool}")
    later = "do without it, or try it later"
    return _ruled(decision, BREAKER_OPEN, "forbid", breaker.shown, later)


def _ruled(decision: Decision, rule: str, effect: RuleEffect, reason: str, advice: str = "") -> Decision:
    verdict = Verdict.DENY if effect == "forbid" else Verdict.REQUIRE_APPROVAL
    return Decision(
        verdict=verdict,
        determining=rule,
        fired=(FiredRule(id=rule, effect=effect, reason=reason),),
        reason=reason,
        advice=advice,
        policy_digest=decision.policy_digest,
    )
