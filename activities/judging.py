"""From a proposal to recorded decisions: which facts policy is shown, with the plan and again at dispatch."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from activities.facts import DEVELOPMENT, FactSheet, Moment
from activities.pinning import fingerprint_of
from policies.guardrails import scrub_pii
from policies.manifest_policy import compile_policy, tightened
from proctor.contracts.canonical import digest_json, summarize
from proctor.contracts.decision import Decision, RecordedDecision, Verdict
from proctor.contracts.governing import WindowQuery
from proctor.contracts.human import ApprovalBinding, HumanRequest, RequestKind
from proctor.contracts.ids import Digest, RequestId, RunId
from proctor.contracts.manifest import AgentBundle, Autonomy
from proctor.contracts.planning import CallsProposal, ProposedCall
from proctor.contracts.ports import LiveFacts, Policy, ToolPort
from proctor.contracts.run import CallPlan, PlannedCall, RunRecord
from proctor.contracts.tool import RetryRule, ToolContract

POLICIES_KEPT = 64


class PolicyShelf:
    """Compiled policies by the digest of the bundle they come from; compiling twice gives the same policy."""

    def __init__(self, compile_bundle: Callable[[AgentBundle], Policy] = compile_policy) -> None:
        """Take the compiler; the next rule language is another one."""
        self._compile = compile_bundle
        self._compiled: dict[Digest, Policy] = {}

    def of(self, digest: Digest, bundle: AgentBundle) -> Policy:
        """Give the policy of a pinned bundle."""
        if digest not in self._compiled:
            if len(self._compiled) >= POLICIES_KEPT:
                self._compiled.pop(next(iter(self._compiled)))
            self._compiled[digest] = self._compile(bundle)
        return self._compiled[digest]

    def digest_of(self, bundle: AgentBundle) -> Digest:
        """Give the digest of the policy that a bundle compiles to."""
        return self._compile(bundle).digest


def request_id(run_id: RunId, step: int, call: int, kind: RequestKind, occasion: str = "") -> RequestId:
    """Derive a request's id from its place, so that a retried activity names the same one.

    `occasion` tells requests apart that can come more than once in one place.
    """
    return RequestId("req-" + digest_json([run_id, step, call, kind.value, occasion])[:12])


@dataclass(frozen=True)
class Window:
    """When a request to a person is made, and when it expires."""

    opens: datetime
    expires: datetime


@dataclass(frozen=True)
class Bench:
    """Where calls of one run are judged: the run, its pinned bundle, and the live ceilings on autonomy."""

    run: RunRecord
    bundle: AgentBundle
    policy: Policy
    tools: ToolPort
    demotions: dict[str, Autonomy]
    environment: str = DEVELOPMENT

    def judge(self, call: ProposedCall, moment: Moment) -> tuple[Decision, dict[str, Any]]:
        """Judge one call on the facts as they are known now; gives them too."""
        sheet = FactSheet(self.run, self.bundle, self.tools, self.environment)
        facts = sheet.of(call, moment, self.policy.reads(call.tool))
        return self.policy.judge(facts), facts


@dataclass(frozen=True)
class DispatchJudge:
    """Judges one recorded call on live facts, and never looser than it was recorded."""

    plan: CallPlan
    bundle: AgentBundle
    policy: Policy
    tools: ToolPort

    @property
    def windows(self) -> tuple[WindowQuery, ...]:
        """What the store must answer before it asks for the decision."""
        return ()

    def __call__(self, live: LiveFacts) -> Decision:
        """Decide, inside the store's transaction."""
        call = ProposedCall(tool=self.plan.tool, arguments=self.plan.arguments, node=self.plan.node)
        bench = Bench(self.plan.run, self.bundle, self.policy, self.tools, live.demotions)
        judged, _ = bench.judge(call, Moment(live.step, live.cost_usd, live.demotions, live.reserved_usd, live.at))
        return tightened(self.plan.decision.decision, judged)


@dataclass(frozen=True)
class JudgedStep:
    """Calls with their decisions, and the requests to people that follow from them."""

    calls: tuple[PlannedCall, ...]
    decisions: tuple[RecordedDecision, ...]
    requests: tuple[HumanRequest, ...]


def judge_step(bench: Bench, proposed: CallsProposal, *, step: int, cost_usd: Decimal, window: Window) -> JudgedStep:
    """Judge every call of a proposal; `window` is the time that people have for the approvals it needs."""
    calls, decisions, requests = [], [], []
    for index, call in enumerate(proposed.calls):
        recorded = _recorded(bench, call, index, Moment(step, cost_usd, bench.demotions))
        decisions.append(recorded)
        request = None
        if recorded.decision.verdict is Verdict.REQUIRE_APPROVAL:
            request = approval_request(bench, call, recorded, step=step, window=window)
            requests.append(request)
        calls.append(_planned(bench, call, recorded, request))
    return JudgedStep(tuple(calls), tuple(decisions), tuple(requests))


def _recorded(bench: Bench, call: ProposedCall, index: int, moment: Moment) -> RecordedDecision:
    decision, facts = bench.judge(call, moment)
    seen = {name: value for name, value in facts.items() if name != "arguments"}
    return RecordedDecision(call=index, decision=decision, arguments_digest=digest_json(call.arguments), facts=seen)


def _planned(bench: Bench, call: ProposedCall, recorded: RecordedDecision, request: HumanRequest | None) -> PlannedCall:
    contract = bench.bundle.tool(call.tool)
    fields: dict[str, object] = {}
    if contract is not None:
        fields = {
            "effect": contract.effect,
            "timeout_s": contract.timeout_s,
            "compensable": bool(contract.compensation),
        }
        if contract.retry != RetryRule():
            fields["retry"] = contract.retry
    if request is not None:
        fields |= {"request_id": request.id, "expires_at": request.expires_at}
    return PlannedCall.model_validate(
        {
            "call": recorded.call,
            "tool": call.tool,
            "effect": "irreversible",
            "verdict": recorded.decision.verdict,
            "fingerprint": fingerprint_of(call.tool, recorded.arguments_digest, bench.run.bundle_digest),
            "summary": _shown(bench, call),
            **fields,
        }
    )


def describe(call: ProposedCall, limit: int = 160) -> str:
    """Render a call in one line from its real arguments; long ones are cut, so that each argument is seen."""
    shown = ", ".join(f"{name}={summarize(repr(value), 60)}" for name, value in call.arguments.items())
    return summarize(f"{call.tool}({shown})", limit)


def _shown(bench: Bench, call: ProposedCall) -> str:
    """Describe a call for history and lists; the card of an approval shows the real arguments."""
    line = describe(call)
    return scrub_pii(line) if "pii_scrubber" in bench.bundle.manifest.guardrails else line


def approval_request(
    bench: Bench, call: ProposedCall, recorded: RecordedDecision, *, step: int, window: Window
) -> HumanRequest:
    """Build the request for one call, bound to everything that it stands for (rule 5)."""
    run, contract = bench.run, bench.bundle.tool(call.tool)
    binding = ApprovalBinding(
        run_id=run.run_id,
        step=step,
        call=recorded.call,
        tenant=run.tenant,
        agent=run.agent,
        requester=run.requester,
        tool=call.tool,
        tool_version="" if contract is None else contract.version,
        arguments_sha256=recorded.arguments_digest,
        policy_digest=recorded.decision.policy_digest,
        expires_at=window.expires,
    )
    return HumanRequest(
        id=request_id(run.run_id, step, recorded.call, RequestKind.APPROVAL),
        kind=RequestKind.APPROVAL,
        run_id=run.run_id,
        step=step,
        call=recorded.call,
        agent=run.agent,
        requester=run.requester,
        owner=run.owner,
        title=_shown(bench, call),
        details=_card(call, recorded, contract),
        binding=binding,
        created_at=window.opens,
        expires_at=window.expires,
    )


def _card(call: ProposedCall, recorded: RecordedDecision, contract: ToolContract | None) -> dict[str, object]:
    return {
        "tool": call.tool,
        "version": None if contract is None else contract.version,
        "arguments": call.arguments,
        "effect": None if contract is None else contract.effect.value,
        "risk": None if contract is None else contract.risk.value,
        "compensation": None if contract is None or contract.compensation is None else contract.compensation.tool,
        "rule": recorded.decision.determining,
        "reason": recorded.decision.reason,
    }
