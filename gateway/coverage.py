"""Which rules of a policy are exercised: by its cases, and by what was really decided."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from gateway.policy_testing import CaseResult
from policies.engine import CompiledPolicy
from proctor.contracts.base import Contract
from proctor.contracts.decision import Decision
from proctor.contracts.manifest import AgentBundle


class RuleCoverage(Contract):
    """How often a rule applied, and how often it decided."""

    agent: str
    rule: str
    effect: str
    origin: Literal["document", "built-in"]
    fired_in_cases: int
    determined_cases: int
    fired_in_history: int | None = None
    """In recorded decisions; None when history was not asked for."""
    determined_in_history: int | None = None

    @property
    def lacks_case(self) -> bool:
        """Whether the document states this rule and no case shows it at work."""
        return self.origin == "document" and not self.fired_in_cases


def coverage(
    bundle: AgentBundle,
    policy: CompiledPolicy,
    results: Sequence[CaseResult],
    history: Iterable[Decision] | None = None,
) -> list[RuleCoverage]:
    """Count for each rule the cases, and the recorded decisions, in which it applied and which it determined."""
    tried = _Tally([result.decision for result in results])
    past = None if history is None else _Tally(history)
    stated = {rule.id for rule in bundle.policy.rules} if bundle.policy else set()
    return [
        RuleCoverage(
            agent=bundle.manifest.name,
            rule=rule.id,
            effect=rule.effect,
            origin="document" if rule.id.partition(":")[0] in stated else "built-in",
            fired_in_cases=tried.fired[rule.id],
            determined_cases=tried.determined[rule.id],
            fired_in_history=None if past is None else past.fired[rule.id],
            determined_in_history=None if past is None else past.determined[rule.id],
        )
        for rule in policy.rules
    ]


class _Tally:
    def __init__(self, decisions: Iterable[Decision]) -> None:
        self.fired: Counter[str] = Counter()
        self.determined: Counter[str] = Counter()
        for decision in decisions:
            self.fired.update({rule.id for rule in decision.fired})
            self.determined[decision.determining] += 1
