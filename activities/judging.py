"""From a proposal to recorded decisions: which facts policy is shown, with the plan and again at dispatch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from activities.facts import PRODUCTION, FactSheet, Moment, window_queries
from activities.pinning import fingerprint_of
from policies.document_rules import Tiers, risk_tiers
from policies.engine import CompiledPolicy
from policies.flow.goals import covers, goal_of
from policies.guardrails import scrub_pii
from policies.manifest_policy import compile_policy, tightened
from policies.offering import judged_risk
from policies.rules import Facts
from proctor.contracts.canonical import digest_json, summarize
from proctor.contracts.decision import RAISED_RISK, Decision, RecordedDecision, Verdict
from proctor.contracts.errors import PolicyMoved
from proctor.contracts.governing import WindowQuery
from proctor.contracts.human import ApprovalBinding, HumanRequest, RequestKind
from proctor.contracts.ids import Digest, RequestId, RunId
from proctor.contracts.labels import Flow
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.planning import ProposedCall
from proctor.contracts.ports import LiveFacts, ToolPort
from proctor.contracts.run import CallPlan, PlannedCall, RunRecord
from proctor.contracts.tool import RetryRule, Risk, ToolContract

POLICIES_KEPT = 64
FLOW_FACTS = ("labels.", "run.")
"""How the names of the facts begin that tracing a call gives."""


@dataclass(frozen=True)
class Ruling:
    """A policy, with the bundle that its facts are made from."""

    bundle: AgentBundle
    policy: CompiledPolicy
    asks_for_flows: bool
    """Whether the document looks at where the parts of a call come from."""
    tiers: Tiers
    """When a call is of a risk tier."""


class PolicyShelf:
    """Compiled policies by the digest of the bundle they come from; compiling twice gives the same policy."""

    def __init__(self) -> None:
        """Begin with none."""
        self._compiled: dict[tuple[Digest, Digest], Ruling] = {}
        self._digests: dict[int, tuple[AgentBundle, Digest]] = {}

    def rulings(
        self, pinned: tuple[Digest, AgentBundle], active: tuple[Digest, AgentBundle] | None
    ) -> tuple[Ruling, ...]:
        """Give the policies that a run's calls are judged by: the pinned one, and the active one where it differs.

        The active policy judges the run's own tools: their contracts stay pinned.
        """
        digest, bundle = pinned
        own = self._ruling((digest, digest), bundle)
        if active is None or active[0] == digest:
            return (own,)
        other = self._ruling((active[0], digest), active[1].model_copy(update={"tools": bundle.tools}))
        return (own,) if other.policy.digest == own.policy.digest else (own, other)

    def digest_of(self, bundle: AgentBundle) -> Digest:
        """Give the digest of the policy that a bundle compiles to."""
        kept = self._digests.get(id(bundle))
        if kept is None or kept[0] is not bundle:
            _make_room(self._digests)
            kept = self._digests[id(bundle)] = (bundle, compile_policy(bundle).digest)
        return kept[1]

    def _ruling(self, key: tuple[Digest, Digest], bundle: AgentBundle) -> Ruling:
        if key not in self._compiled:
            _make_room(self._compiled)
            written = "" if bundle.policy is None else bundle.policy.model_dump_json()
            asks = any(f'"{name}' in written for name in FLOW_FACTS)
            self._compiled[key] = Ruling(bundle, compile_policy(bundle), asks, risk_tiers(bundle.policy, bundle))
        return self._compiled[key]


def _make_room(kept: dict[Any, Any]) -> None:
    if len(kept) >= POLICIES_KEPT:
        kept.pop(next(iter(kept)))


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
    """Where calls of one run are judged: by the policy that it was opened with, and by the one that is active now."""

    run: RunRecord
    rulings: tuple[Ruling, ...]
    tools: ToolPort
    environment: str = PRODUCTION

    @property
    def bundle(self) -> AgentBundle:
        """The run's pinned bundle."""
        return self.rulings[0].bundle

    def queries(self, call: ProposedCall) -> tuple[WindowQuery, ...]:
        """Ask for the windows of a call; a window belongs to the policy that names it."""
        return tuple(
            query.model_copy(update={"name": f"{n}:{query.name}"})
            for n, ruling in enumerate(self.rulings)
            for query in window_queries(call, ruling.policy.windows_for(call.tool))
        )

    def judge(self, call: ProposedCall, moment: Moment) -> tuple[Decision, Facts]:
        """Judge one call on the facts as they are known now; the stricter policy counts. Gives the facts too."""
        judged = [self._judge_by(n, ruling, call, moment) for n, ruling in enumerate(self.rulings)]
        decision, facts = judged[0]
        for other, seen in judged[1:]:
            decision, facts = tightened(decision, other), {**seen, **facts}
        return decision, facts

    def _judge_by(self, n: int, ruling: Ruling, call: ProposedCall, moment: Moment) -> tuple[Decision, Facts]:
        answers = tuple(
            answer.model_copy(update={"name": answer.name.removeprefix(f"{n}:")})
            for answer in moment.windows
            if answer.name.startswith(f"{n}:")
        )
        sheet = FactSheet(self.run, ruling.bundle, self.tools, self.environment)
        wanted, windows = ruling.policy.reads(call.tool), ruling.policy.windows_for(call.tool)
        facts = sheet.of(call, replace(moment, windows=answers), wanted, windows)
        return ruling.policy.judge(facts), facts


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
        self.decision = tightened(recorded.decision, judged)
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


def judge_step(bench: Bench, traced: Sequence[TracedCall], *, step: int, window: Window) -> JudgedStep:
    """Judge every call of a proposal; `window` is the time that people have for the approvals it needs.

    A person is asked about one call of each goal: the next one is asked for at its dispatch, or denied by what was
    decided on the first.
    """
    calls: list[PlannedCall] = []
    decisions: list[RecordedDecision] = []
    requests: list[HumanRequest] = []
    for index, one in enumerate(traced):
        recorded = _recorded(bench, one, index)
        decisions.append(recorded)
        request = None
        if recorded.decision.verdict is Verdict.REQUIRE_APPROVAL and not _is_asked(recorded, decisions[:-1]):
            request = approval_request(bench, one.call, recorded, step=step, window=window)
            requests.append(request)
        calls.append(_planned(bench, one.call, recorded, request))
    return JudgedStep(tuple(calls), tuple(decisions), tuple(requests))


def _is_asked(recorded: RecordedDecision, earlier: Sequence[RecordedDecision]) -> bool:
    """Whether a person is being asked about the same goal, for an earlier call of the step."""
    asked = (one.goal for one in earlier if one.decision.verdict is Verdict.REQUIRE_APPROVAL)
    return bool(recorded.goal) and any(covers(goal, recorded.goal) for goal in asked)


def _recorded(bench: Bench, one: TracedCall, index: int) -> RecordedDecision:
    decision, facts = bench.judge(one.call, one.moment)
    contract = bench.bundle.tool(one.call.tool)
    seen = {name: value for name, value in facts.items() if name != "arguments"}
    if "risk" in facts:
        seen[RAISED_RISK] = max(
            (judged_risk(ruling.tiers, facts) for ruling in bench.rulings), key=list(Risk).index
        ).value
    return RecordedDecision(
        call=index,
        decision=decision,
        arguments_digest=digest_json(one.call.arguments),
        facts=seen,
        flows=one.flows,
        goal="" if contract is None else goal_of(contract, one.call.arguments),
    )


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
