"""Judging by rules: forbid beats require_approval beats permit, and whatever is not permitted is denied (rule 7)."""

from collections.abc import Sequence
from typing import Final

from policies.former import Rule, RuleEffect
from proctor.contracts.canonical import digest_json, summarize
from proctor.contracts.decision import CallFacts, Decision, FiredRule, Verdict
from proctor.contracts.ids import Digest, ToolName
from proctor.contracts.obligations import Obligation

ENGINE_VERSION = 1
"""Part of every policy digest: raise it when the same rules would be judged differently."""

_BY_STRENGTH: Final[tuple[RuleEffect, ...]] = ("forbid", "require_approval", "permit")
_VERDICTS: Final[dict[RuleEffect, Verdict]] = {
    "forbid": Verdict.DENY,
    "require_approval": Verdict.REQUIRE_APPROVAL,
    "permit": Verdict.ALLOW,
}
NO_RULES: Final = "no-rules"
NO_TOOL: Final = "no-tool"
NO_PERMIT: Final = "no-permit"


class RuleSet:
    """A policy made of rules. It fails closed: no rules, no matching permit, or an error in a rule is a deny."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Take the rules; their order decides nothing but which of equally strong ones is named first.

        Raises:
            ValueError: two rules have the same id.

        """
        self._rules = tuple(rules)
        if len({rule.id for rule in self._rules}) != len(self._rules):
            raise ValueError("two rules have the same id")
        self._general = tuple(rule for rule in self._rules if rule.tool is None)
        self._by_tool = {tool: self._rules_for(tool) for tool in {rule.tool for rule in self._rules} if tool}
        self._said = {rule.id: _fired(rule, rule.reason) for rule in self._rules if isinstance(rule.reason, str)}
        self._digest = digest_json({"engine": ENGINE_VERSION, "rules": [rule.canonical() for rule in self._rules]})

    @property
    def digest(self) -> Digest:
        """Digest over the engine's version and all rules."""
        return self._digest

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, in order."""
        return self._rules

    def judge(self, facts: CallFacts) -> Decision:
        """Decide on one call. Never raises: an error in a rule is a deny that names the rule."""
        if not self._rules:
            return self._deny(NO_RULES, "the policy has no rules, and what is not permitted is denied")
        try:
            rules = self._by_tool.get(facts.tool, self._general)
        except Exception:  # noqa: BLE001 - facts that cannot even name the tool are denied
            return self._deny(NO_TOOL, "the call does not say which tool it is for")
        return self._judge_by(rules, facts)

    def _judge_by(self, rules: tuple[Rule, ...], facts: CallFacts) -> Decision:
        fired: list[tuple[Rule, FiredRule]] = []
        for rule in rules:
            try:
                applies = rule.applies(facts)
                if applies is True:
                    fired.append((rule, self._said.get(rule.id) or _fired(rule, rule.explain(facts))))
                    continue
            except Exception as error:  # noqa: BLE001 - whatever goes wrong inside a rule must deny, never escape
                return self._broken(rule, f"{type(error).__name__}: {summarize(str(error))}", fired)
            if applies is not False:
                return self._broken(rule, "it gave neither True nor False", fired)
        return self._decide(fired)

    def _rules_for(self, tool: ToolName) -> tuple[Rule, ...]:
        return tuple(rule for rule in self._rules if rule.tool in {None, tool})

    def _decide(self, fired: list[tuple[Rule, FiredRule]]) -> Decision:
        for effect in _BY_STRENGTH:
            found = next((fact for rule, fact in fired if rule.effect == effect), None)
            if found is not None:
                return Decision(
                    verdict=_VERDICTS[effect],
                    determining=found.id,
                    fired=tuple(fact for _, fact in fired),
                    obligations=() if effect == "forbid" else _obligations(fired),
                    reason=found.reason,
                    policy_digest=self._digest,
                )
        return self._deny(NO_PERMIT, "no rule permits this, and what is not permitted is denied")

    def _broken(self, rule: Rule, why: str, fired: list[tuple[Rule, FiredRule]]) -> Decision:
        reason = f"the rule {rule.id} could not be judged ({why}), so the call is denied"
        broken = FiredRule(id=rule.id, effect="forbid", reason=reason)
        return self._deny(rule.id, reason, (*[fact for _, fact in fired], broken))

    def _deny(self, determining: str, reason: str, fired: tuple[FiredRule, ...] = ()) -> Decision:
        return Decision(
            verdict=Verdict.DENY, determining=determining, fired=fired, reason=reason, policy_digest=self._digest
        )


def tightened(recorded: Decision, live: Decision) -> Decision:
    """Give the stricter of two decisions; of equally strict ones the recorded, with the obligations of both.

    At dispatch policy may only tighten: a live decision never takes away what the recorded one asked for.
    """
    if recorded.verdict.stricter_of(live.verdict) is not recorded.verdict:
        stricter, other = live, recorded
    else:
        stricter, other = recorded, live
    if stricter.verdict is Verdict.DENY:
        return stricter
    both = tuple(dict.fromkeys((*stricter.obligations, *other.obligations)))
    return stricter if both == stricter.obligations else stricter.model_copy(update={"obligations": both})


def _fired(rule: Rule, reason: str) -> FiredRule:
    return FiredRule(id=rule.id, effect=rule.effect, reason=reason)


def _obligations(fired: list[tuple[Rule, FiredRule]]) -> tuple[Obligation, ...]:
    return tuple(dict.fromkeys(obligation for rule, _ in fired for obligation in rule.obligations))
