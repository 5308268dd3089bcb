"""The ports: what activities and the gateway need of the world. Adapters implement them; `workers/wiring.py` chooses.

Every method of a store port is one transaction unless it says otherwise, and raises `Unavailable` when the store
does not answer.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from proctor.contracts.control_ports import PeoplesCalls
from proctor.contracts.decision import Decision
from proctor.contracts.dispatching import Admitted, EffectStanding, LiveFacts, Prior, Refusal, Waiting
from proctor.contracts.governing import (
    WindowAnswer,
    WindowQuery,
)
from proctor.contracts.human import HumanRequest
from proctor.contracts.ids import AgentName, Digest, RunId, ToolName
from proctor.contracts.kill import Fence
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.planning import Observation, Proposal, Situation
from proctor.contracts.policy import WindowForm
from proctor.contracts.run import AuditHead, OpenedRun, RequestRef, RequestStanding, RunRecord, RunStatus, TaskRequest
from proctor.contracts.steps import CallPlan, CallRef, CallReport, PlanFacts, PlanRecord, StepPlan, StepRef
from proctor.contracts.tool import ToolContract, ToolInvocation, ToolOutcome
from proctor.contracts.traffic import Lane


class AgentCatalog(Protocol):
    """The agents of this installation, read from `agents/`."""

    def names(self) -> list[AgentName]:
        """List the agents, sorted."""

    def load(self, name: AgentName, *, model: str | None = None) -> AgentBundle:
        """Load an agent with its tools; `model` (`provider:name`) chooses its model planner.

        Raises `UnknownName`, `InvalidDocument`, or `InvalidInput` for a malformed model.
        """


class Policy(Protocol):
    """Judges calls. Pure: no clock, no I/O, and never raises (an error inside is a deny)."""

    @property
    def digest(self) -> Digest:
        """Digest of all rules."""

    def judge(self, facts: Mapping[str, Any]) -> Decision:
        """Decide on one call, given its facts by name, as JSON."""

    def reads(self, tool: ToolName) -> frozenset[str]:
        """Name the facts that a judgement of this tool's calls reads; `arguments` stands for all arguments."""

    def windows_for(self, tool: ToolName) -> tuple[WindowForm, ...]:
        """Give the windows that must be known to judge a call of the tool."""


class Transcript(Protocol):
    """Read access to what happened in one run so far."""

    async def latest(self, nodes: Sequence[str]) -> dict[str, Observation]:
        """Give the newest result, failure, denial or human entry of each named playbook node that has one."""

    async def newest(self) -> Observation | None:
        """Give the newest entry that is not a proposal."""

    async def since(self, n: int) -> list[Observation]:
        """Give every entry from position `n` on, in order, proposals included."""

    async def all(self) -> list[Observation]:
        """Give every entry in order, proposals included. Cost grows with the run."""


class Planner(Protocol):
    """Proposes the next step."""

    def estimate_cost_usd(self, situation: Situation) -> Decimal:
        """Bound what one `propose` may cost; 0 for planners that are free."""

    async def propose(self, situation: Situation, transcript: Transcript) -> Proposal:
        """Propose a step whose arguments fit the tools' input schemas.

        Raises `PlannerFailed` (final) or `PlannerUnavailable` (come back later).
        """


class ToolPort(Protocol):
    """Carries out calls. Arguments were validated against the contract before."""

    async def invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        """Call the tool within `contract.timeout_s`; never raises for a tool's own failure.

        A result that does not fit the output schema of an effect is still `Confirmed` (it happened), with the
        mismatch named in the result under `"_schema_error"`. Being cancelled before the call left the process is
        `asyncio.CancelledError`; after that the adapter returns `Unknown` at once.
        """

    def egress_hosts(self, contract: ToolContract, arguments: dict[str, Any]) -> tuple[str, ...]:
        """Name the hosts that the call would reach, as `host` or `host:port`; empty for in-process tools."""


class Judge(Protocol):
    """Judges one recorded call at dispatch."""

    @property
    def windows(self) -> tuple[WindowQuery, ...]:
        """What the store must answer before it asks for the decision."""

    @property
    def lane(self) -> Lane | None:
        """What the call must pass through once it is allowed; None: nothing."""

    def __call__(self, live: LiveFacts) -> Decision:
        """Decide on live facts, never looser than recorded.

        Raises `PolicyMoved` when the active policy is one that was not loaded: nothing was written, load it and begin
        again.
        """


class RunJournal(PeoplesCalls, Protocol):
    """The record of runs: transcript, plans, ledger, decision log and audit, always written together."""

    async def open_run(self, run_id: RunId, policy_digest_of: Callable[[AgentBundle], Digest]) -> OpenedRun:
        """Pin the policy beside the bundle that admission pinned, and mark the run running.

        `run_opened` goes to the audit. Repeated: gives what was pinned first. Raises `Refused` when the run has ended.
        """

    async def bundle(self, digest: Digest) -> AgentBundle:
        """Give a pinned bundle. Raises `Corrupted` when its content does not match the digest."""

    async def plan_facts(self, ref: StepRef) -> PlanFacts:
        """Read all that planning needs, in one round trip where possible."""

    def transcript(self, run_id: RunId) -> Transcript:
        """Give read access to the run's transcript."""

    async def windows(self, run: RunRecord, queries: Sequence[WindowQuery]) -> tuple[WindowAnswer, ...]:
        """Answer windows for a call that is being planned, as the store stands now; no lock is held afterwards.

        A window over values that cannot be read (a summed argument that is no number, altered content) has no answer:
        its fact is missing, and policy denies.
        """

    async def reserve_cost(self, ref: StepRef, attempt: int, amount_usd: Decimal, cap_usd: Decimal) -> bool:
        """Reserve before a paid call; False when spent + reserved + amount would pass the cap (rule 8).

        A reservation that is never settled (lost worker) counts as spent.
        """

    async def record_plan(self, record: PlanRecord, requests: Sequence[HumanRequest]) -> StepPlan:
        """Write plan, transcript, requests, decisions, settled cost and audit together.

        Repeated for a step that is recorded: changes nothing and returns the recorded plan. The transcript gets the
        proposal, and one denial entry for each denied call. Settles the step's reservations to the plan's real cost.
        Audit: `plan_recorded`, one `call_judged` per call (full decision log entry, G7), `approval_requested` each.
        """

    async def record_halt(self, plan: StepPlan, ref: StepRef, request: HumanRequest | None) -> StepPlan:
        """Record that a step was not planned (`fenced`, `over_budget`) with the request to a person, if any.

        Not stored as the step's plan: the step can be planned once the reason is gone.
        """

    async def call_plan(self, ref: CallRef) -> CallPlan:
        """Read a recorded call. Raises `UnknownName` when the plan is not recorded."""

    async def begin_effect(self, ref: CallRef, judge: Judge) -> Admitted | Prior | Refusal | Waiting:
        """Decide and write the intent, in ONE transaction (DESIGN §1, act).

        Order: shared fence lock; run row locked; active fences, effect row, approval and live facts read; then
        - effect confirmed, failed for good or unknown: `Refusal` with the recorded report, nothing written;
        - effect in `intent`: `Prior` (after a fence: no new intent, the caller only settles);
        - a fence covers run, agent, tool, tenant or all: `Refusal(fenced)`;
        - run already ended: `Refusal(fenced)`;
        - verdict = stricter of recorded and `judge(live)`:
          deny → `Refusal(denied)`, denial in transcript;
          require_approval → an approval of this call that is granted, unexpired, whose stored binding equals the one
          built anew from the recorded call, the run and the judge's policy digest, and whose stages are filled by
          recorded decisions that hold, is consumed (once; a retry of the same key finds its own consumption);
          none, and the request is denied or expired → `Refusal(denied)`;
          otherwise → `Refusal(needs_approval)` with the pending request (a new one if there is none);
          allow → the judge's lane, where it is limited or a breaker of it is not closed: no room is `Waiting`,
          and nothing is written but that it waits; then intent.
        - intent: effect row `intent` with attempt number, audit `call_dispatched` (decision) and `effect_intended`.
        """

    async def retry_effect(self, ref: CallRef, lane: Lane | None = None) -> Admitted | Refusal | Waiting:
        """Write the intent of a further attempt of an effect that `begin_effect` answered `Prior` for.

        Fenced as `begin_effect` is; needs no new approval: it is the same key.
        """

    async def settle_effect(self, ref: CallRef, outcome: ToolOutcome, *, final: bool) -> CallReport:
        """Write outcome, transcript and audit together; idempotent.

        `final=False` with a retryable failure or an unknown outcome: the attempt is noted in the audit and the
        effect stays open for the next attempt. A failure says nothing about earlier attempts whose outcome is not
        known: unless it was read back, such an effect ends unknown. `final=True` with `Unknown`: the effect is
        unknown and a request `unknown_outcome` to the owner is made, named in the report. Audit:
        `effect_confirmed`, `effect_failed`, `effect_unknown`, `effect_attempt_failed`.
        """

    async def begin_read(self, ref: CallRef, judge: Judge) -> Admitted | Refusal | Waiting:
        """As `begin_effect` without intent: fence, live policy, approval. A recorded result comes back as `Refusal`."""

    async def record_read(self, ref: CallRef, outcome: ToolOutcome) -> CallReport:
        """Write the result of a read to transcript and audit; the first one recorded stands."""

    async def begin_compensation(self, ref: CallRef, lane: Lane | None = None) -> Admitted | Prior | Refusal | Waiting:
        """Write the intent to take the effect of `ref` back.

        `Refusal`: it never happened (failed), was taken back already (confirmed), is unknown (an open item exists),
        or a freezing fence covers the run (fenced). A compensating fence lets compensations through. The compensation's
        effect row has the key `…/undo`, so its own intent and outcome obey rules 1 and 2. Nothing is taken back while
        nobody knows whether it happened: see `Prior.is_of_call`.
        """

    async def retry_compensation(self, ref: CallRef, lane: Lane | None = None) -> Admitted | Refusal | Waiting:
        """Write the intent of a further attempt of a compensation."""

    async def recorded_result(self, ref: CallRef) -> Any:
        """Give the recorded result of a confirmed call, as JSON."""

    async def settle_compensation(self, ref: CallRef, outcome: ToolOutcome, *, final: bool) -> CallReport:
        """Write a compensation's outcome; a final failure opens a `failed_compensation` item for the owner (rule 4).

        Audit: `compensation_confirmed|failed|unknown`.
        """

    async def read_request(self, ref: RequestRef) -> RequestStanding:
        """Tell the truth behind a signal. A pending request past its deadline becomes `expired` here.

        Escalations that are due are made here too, each once; `next_at` says when the next one is due.
        The first reading of a denied, expired or answered request puts it into the transcript for the planner.
        """

    async def acknowledge_cancel(self, run_id: RunId) -> Fence:
        """Tell a cancelled workflow which fence stopped it.

        Without one (cancelled in Temporal itself) a fence on the run is raised here, actor `temporal`, mode
        `compensate`, so that no intent can follow. Marks the run stopping.
        """

    async def lost_calls(self, run_id: RunId) -> Sequence[CallRef]:
        """List the calls of a run whose intent has no outcome, newest first.

        They are lost where no activity of the run is under way: to be asked by its workflow, when it has stopped.
        """

    async def effect_standing(self, ref: CallRef) -> EffectStanding | None:
        """Tell how an effect stands whose outcome is open; None when it has one, or was never begun."""

    async def close_run(self, run_id: RunId, status: RunStatus, reason: str) -> tuple[RunRecord, AuditHead]:
        """End the run: status, report, receipt, audit `run_closed`; withdraws pending requests. Repeated: as first."""


class Admissions(Protocol):
    """Where runs begin."""

    async def admit(self, request: TaskRequest, bundle: AgentBundle) -> tuple[RunRecord, bool]:
        """Write the accepted run with its bundle pinned by digest; True when it is new.

        The same key with the same request gives the same run. Raises `IdempotencyConflict` (same key, other
        request), `Fenced` (a kill covers agent, tenant or all), `OversizeInput`.
        """

    async def unstarted(self, older_than_s: float) -> list[RunId]:
        """List accepted runs whose workflow was never started (the caller crashed in between)."""


class Knowledge(Protocol):
    """A full-text corpus."""

    async def search(self, query: str, limit: int) -> list[dict[str, Any]]:
        """Find documents: `{"id", "title", "excerpt", "score", "updated_at"}` each, best first."""

    async def load(self, documents: Sequence[dict[str, str]]) -> int:
        """Add or replace documents (`id`, `title`, `body`); gives how many changed."""
