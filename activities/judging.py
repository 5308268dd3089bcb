"""From a proposal to recorded decisions: which facts policy is shown, with the plan and again at dispatch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities.bench import FLOW_FACTS, Bench
from activities.facts import Moment
from activities.passing import lane_of
from activities.pinning import fingerprint_of
from activities.standing import Answered, nobody_answers
from policies.flow.goals import covers, goal_of
from policies.guardrails import scrub_pii
from policies.manifest_policy import tightened
from proctor.contracts.approving import process_of
from proctor.contracts.call_details import call_details
from proctor.contracts.canonical import digest_json, summarize
from proctor.contracts.decision import RAISED_RISK, Decision, RecordedDecision, Verdict
from proctor.contracts.dispatching import LiveFacts
from proctor.contracts.errors import PolicyMoved
from proctor.contracts.governing import WindowQuery
from proctor.contracts.human import ApprovalBinding, HumanRequest, RequestKind
from proctor.contracts.ids import Digest, PrincipalName, RequestId, RunId
from proctor.contracts.labels import Flow
from proctor.contracts.planning import ProposedCall
from proctor.contracts.steps import CallPlan, PlannedCall
from proctor.contracts.tool import ArgumentRole, RetryRule, ToolContract
from proctor.contracts.traffic import BREAKER_ASK_PERSON, Lane

_PLACES = {ArgumentRole.TARGET: 0, ArgumentRole.AMOUNT: 1, None: 2, ArgumentRole.FILTER: 3, ArgumentRole.CONTENT: 4}
"""Where an argument stands in a call's line; what nobody declared comes before what steers nothing."""


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


@dataclass
class DispatchJudge:
    """Judges one recorded call on live facts, and never looser than it was recorded."""

    plan: CallPlan
    bench: Bench
    known: frozenset[Digest]
    """Bundles whose policies the bench knows: any other active one must be loaded first."""
    decision: Decision | None = None
    """What was decided last; None before anything was."""

    @property
    def judged_plan(self) -> CallPlan:
        """The plan with the decision at dispatch, which may oblige to more than the recorded one."""
        if self.decision is None:
            return self.plan
        judged = self.plan.decision.model_copy(update={"decision": self.decision})
        return self.plan.model_copy(update={"decision": judged})

    @property
    def windows(self) -> tuple[WindowQuery, ...]:
        """What the store must answer before it asks for the decision."""
        return self.bench.queries(self._call)

    @property
    def lane(self) -> Lane | None:
        """What the call passes through; None where there is no contract, and policy denies it."""
        contract = self.bench.bundle.tool(self.plan.tool)
        if contract is None:
            return None
        # Not what the manifest says: of calls that met a half-open breaker, no person was asked about any.
        fired = () if self.decision is None else self.decision.fired
        despite = any(rule.id == BREAKER_ASK_PERSON for rule in fired)
        return lane_of(contract, self.plan.arguments, self.plan.run.tenant, self.bench.tools, despite_open=despite)

    @property
    def _call(self) -> ProposedCall:
        return ProposedCall(tool=self.plan.tool, arguments=self.plan.arguments, node=self.plan.node)

    def __call__(self, live: LiveFacts) -> Decision:
        """Decide, inside the store's transaction."""
        if live.active_bundle is not None and live.active_bundle not in self.known:
            raise PolicyMoved(live.active_bundle)
        recorded = self.plan.decision
        flows = {name: value for name, value in recorded.facts.items() if name.startswith(FLOW_FACTS)}
        moment = Moment(
            step=live.step,
            cost_usd=live.cost_usd,
            reserved_usd=live.reserved_usd,
            at=live.at,
            cells=live.cells,
            denied_goals=live.denied_goals,
            windows=live.windows,
            flows=flows,
        )
        judged, _ = self.bench.judge(self._call, moment)
        tightest = tightened(recorded.decision, judged)
        self.decision = self.bench.degraded(tightest, self.plan.tool, live.breakers)
        return self.decision


@dataclass(frozen=True)
class JudgedStep:
    """Calls with their decisions, and the requests to people that follow from them."""

    calls: tuple[PlannedCall, ...]
    decisions: tuple[RecordedDecision, ...]
    requests: tuple[HumanRequest, ...]


@dataclass(frozen=True)
class TracedCall:
    """A proposed call with what was found out about it: where its parts come from, and the windows it falls into."""

    call: ProposedCall
    moment: Moment
    flows: dict[str, Flow]


@dataclass(frozen=True)
class Written:
    """Who wrote the calls that are judged, where it was not the planner."""

    author: PrincipalName
    first: int = 0
    """Index of the first call in its step."""
    replaces: int | None = None
    """The call of the step in whose place the author wrote this one."""
    before: dict[str, Any] | None = None
    """That call's arguments."""


def judge_step(
    bench: Bench,
    traced: Sequence[TracedCall],
    *,
    step: int,
    window: Window,
    is_answered: Answered = nobody_answers,
    written: Written | None = None,
) -> JudgedStep:
    """Judge every call of a proposal; `window` is the time that people have for the approvals it needs.

    Nobody is asked about a call that `is_answered` by a standing grant; its dispatch decides anew.

    A person is asked about one call of each goal: the next one is asked for at its dispatch, or denied by what was
    decided on the first.
    """
    calls: list[PlannedCall] = []
    decisions: list[RecordedDecision] = []
    requests: list[HumanRequest] = []
    for index, one in enumerate(traced, 0 if written is None else written.first):
        recorded = _recorded(bench, one, index, written)
        decisions.append(recorded)
        request = None
        asks = recorded.decision.verdict is Verdict.REQUIRE_APPROVAL and not _is_asked(recorded, decisions[:-1])
        if asks and not is_answered(one.call, recorded):
            before = None if written is None else written.before
            request = approval_request(bench, one.call, recorded, step=step, window=window, before=before)
            requests.append(request)
        calls.append(planned_call(bench, one.call, recorded, request))
    return JudgedStep(tuple(calls), tuple(decisions), tuple(requests))


def _is_asked(recorded: RecordedDecision, earlier: Sequence[RecordedDecision]) -> bool:
    """Whether a person is being asked about the same goal, for an earlier call of the step."""
    asked = (one.goal for one in earlier if one.decision.verdict is Verdict.REQUIRE_APPROVAL)
    return bool(recorded.goal) and any(covers(goal, recorded.goal) for goal in asked)


def _recorded(bench: Bench, one: TracedCall, index: int, written: Written | None) -> RecordedDecision:
    decision, facts = bench.judge(one.call, one.moment)
    contract = bench.bundle.tool(one.call.tool)
    seen = {name: value for name, value in facts.items() if name != "arguments"}
    risk = bench.risk(facts)
    if risk is not None:
        seen[RAISED_RISK] = risk.value
    return RecordedDecision(
        call=index,
        decision=decision,
        arguments_digest=digest_json(one.call.arguments),
        facts=seen,
        flows=one.flows,
        goal="" if contract is None else goal_of(contract, one.call.arguments),
        author=None if written is None else written.author,
        replaces=None if written is None else written.replaces,
    )


def planned_call(
    bench: Bench, call: ProposedCall, recorded: RecordedDecision, request: HumanRequest | None
) -> PlannedCall:
    """Give a judged call as the workflow gets to know it."""
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
        if contract.pool:
            fields["pool"] = contract.pool
    if request is not None:
        fields |= {"request_id": request.id, "expires_at": request.expires_at}
        if request.next_at is not None:
            fields["look_at"] = request.next_at
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


def describe(call: ProposedCall, limit: int = 160, contract: ToolContract | None = None) -> str:
    """Render a call in one line from its real arguments; long ones are cut, so that each argument is seen.

    What it acts on and how much come first, so that a line that is cut still names them.
    """
    roles = {} if contract is None else contract.argument_roles
    first = sorted(call.arguments.items(), key=lambda item: _PLACES[roles.get(item[0])])
    shown = ", ".join(f"{name}={summarize(repr(value), 60)}" for name, value in first)
    return summarize(f"{call.tool}({shown})", limit)


def _shown(bench: Bench, call: ProposedCall) -> str:
    """Describe a call for history and lists; the card of an approval shows the real arguments."""
    line = describe(call, contract=bench.bundle.tool(call.tool))
    return scrub_pii(line) if "pii_scrubber" in bench.bundle.manifest.guardrails else line


def approval_request(
    bench: Bench,
    call: ProposedCall,
    recorded: RecordedDecision,
    *,
    step: int,
    window: Window,
    before: dict[str, Any] | None = None,
) -> HumanRequest:
    """Build the request for one call, bound to everything that it stands for (rule 5).

    `before` are the arguments that a person changed.
    """
    run, contract = bench.run, bench.bundle.tool(call.tool)
    process = process_of(recorded.decision.obligations)
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
        target=recorded.goal,
        process_sha256=process.digest(),
        author=recorded.author,
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
        details=call_details(call.tool, call.arguments, contract, recorded.decision, recorded, replaced=before),
        binding=binding,
        process=process,
        next_at=process.next_at(window.opens, 0),
        replaces=recorded.replaces,
        created_at=window.opens,
        expires_at=window.expires,
    )
