"""Runs the cases of a policy: what must be decided of calls that were never made."""

from collections.abc import Mapping
from typing import Any

from gateway.assumed_facts import assumed_facts
from policies.engine import CompiledPolicy
from proctor.contracts.base import Contract
from proctor.contracts.decision import Decision
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.obligations import Obligation
from proctor.documents.policy_tests import PolicyCase, PolicyCases


class CaseResult(Contract):
    """How a case came out."""

    agent: str
    case: str
    tool: str
    expected: str
    decision: Decision
    differences: tuple[str, ...]
    """What is not as expected; none when the case passes."""

    @property
    def passed(self) -> bool:
        """Whether everything is as expected."""
        return not self.differences


def run_cases(bundle: AgentBundle, policy: CompiledPolicy, cases: PolicyCases) -> list[CaseResult]:
    """Judge each case, and hold the decision against what it expects."""
    return [_run(bundle, policy, case, cases.facts) for case in cases.cases]


def _run(bundle: AgentBundle, policy: CompiledPolicy, case: PolicyCase, common: Mapping[str, Any]) -> CaseResult:
    given = {**common, **case.facts}
    facts = assumed_facts(bundle, case.tool, case.arguments, given, windows=policy.windows_for(case.tool))
    decision = policy.judge(facts)
    return CaseResult(
        agent=bundle.manifest.name,
        case=case.case,
        tool=case.tool,
        expected=case.expect,
        decision=decision,
        differences=tuple(_differences(case, decision)),
    )


def _differences(case: PolicyCase, decision: Decision) -> list[str]:
    found = []
    if decision.verdict is not case.expect:
        found.append(f"expected {case.expect}, decided {decision.verdict} by {decision.determining}: {decision.reason}")
    if case.rule and decision.determining != case.rule:
        found.append(f"expected the rule {case.rule} to determine it, and {decision.determining} did")
    if case.obligations is not None and set(case.obligations) != set(decision.obligations):
        found.append(f"expected obligations {_named(case.obligations)}, got {_named(decision.obligations)}")
    return found


def _named(obligations: tuple[Obligation, ...]) -> str:
    return ", ".join(str(one.model_dump(mode="json")) for one in obligations) or "none"
