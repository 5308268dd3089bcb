"""The journal's part of opening and planning."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

from pydantic_core import from_json

from proctor.contracts.errors import Corrupted, Refused, UnknownName
from proctor.contracts.governing import WindowAnswer, WindowQuery
from proctor.contracts.human import HumanRequest
from proctor.contracts.ids import Digest, RunId, effect_key
from proctor.contracts.manifest import AgentBundle, PlannerSpec
from proctor.contracts.planning import DeclaredPlan
from proctor.contracts.ports import Transcript
from proctor.contracts.run import OpenedRun, RunRecord, RunStatus
from proctor.contracts.steps import CallPlan, CallRef, PlanFacts, PlanRecord, StepPlan, StepRef
from proctor.store.bundles import BundleShelf
from proctor.store.changes import Changes, Overtaken
from proctor.store.context import with_context
from proctor.store.database import Connection, Database
from proctor.store.governing import recorded_decision
from proctor.store.held import ended_plan, held_plan
from proctor.store.locked import LockedRun, asked, lock_run
from proctor.store.proposing import write_proposal
from proctor.store.queries import query
from proctor.store.recent import RecentReads
from proctor.store.requests import open_request
from proctor.store.rows import (
    Row,
    to_answers,
    to_denied_goals,
    to_fence,
    to_held,
    to_levels,
    to_request,
    to_run,
    verified,
)
from proctor.store.traffic import to_breakers
from proctor.store.transcript import PostgresTranscript

LOCAL_PLANNING_TIMEOUT_S = 60.0


class PlanJournal:
    """Opening, planning facts, cost, recorded plans."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database
        self._bundles = BundleShelf(database)
        self._recent = RecentReads()

    async def open_run(self, run_id: RunId, policy_digest_of: Callable[[AgentBundle], Digest]) -> OpenedRun:
        """Pin the policy beside the pinned bundle and mark the run running; repeated: as first.

        Raises `Refused` when the run has ended: a kill closed it before its workflow came.
        """
        async with self._database.transaction() as connection:
            locked = await lock_run(connection, run_id)
            if locked.has_ended:
                raise Refused(f"run {run_id} has ended already: {locked.run['status']}", hint="it is not opened again")
            bundle = await self._bundles.load(locked.run["bundle_digest"], connection)
            head = locked.head
            if locked.run["policy_digest"] is None:
                changes = Changes.to(locked)
                policy_digest = policy_digest_of(bundle)
                changes.run(policy_digest=policy_digest, status=RunStatus.RUNNING)
                changes.audit("run_opened", bundle=locked.run["bundle_digest"], policy=policy_digest)
                head = await changes.write(connection)
        if head is None:
            raise Corrupted(f"run {run_id} has no audit trail")
        return _opened(locked, bundle, head)

    async def bundle(self, digest: Digest) -> AgentBundle:
        """Give a pinned bundle, from memory after the first time."""
        return await self._bundles.load(digest)

    async def plan_facts(self, ref: StepRef) -> PlanFacts:
        """Read all that planning needs, in one round trip."""
        row = await self._database.row("plan_facts", ref.run_id, ref.step)
        if row is None:
            raise UnknownName(f"there is no run {ref.run_id}")
        run = to_run(row["run"])
        if row["recorded"] is None and row["run"]["reserved_usd"] == 0:
            self._recent.keep(ref, LockedRun(at=row["at"], run=row["run"]))
        return PlanFacts(
            recorded=None if row["recorded"] is None else StepPlan.model_validate(row["recorded"]),
            run=run,
            goal=run.goal,
            input=from_json(verified(run.input_digest, row["input"])),
            cursor=row["cursor"] or {},
            fence=None if row["fence"] is None else to_fence(row["fence"]),
            demotions=row["demotions"] or {},
            budget_extension_usd=row["run"]["extension_usd"],
            reserved_usd=row["run"]["reserved_usd"],
            at=row["at"],
            cells=to_levels(row["cells"]),
            denied_goals=to_denied_goals(row["denied_goals"]),
            active_bundle=row["active_bundle"],
            declared=_declared(row),
            said_bytes=row["run"]["said_bytes"],
            has_acts=row["run"]["acts"] > row["run"]["acts_taken"],
            grants=to_held(row["grants"]),
            breakers=to_breakers(row["breakers"]),
        )

    async def windows(self, run: RunRecord, queries: Sequence[WindowQuery]) -> tuple[WindowAnswer, ...]:
        """Answer windows for a call that is being planned; one that cannot be read has no answer."""
        if not queries:
            return ()
        whose = (run.tenant, run.agent, run.requester, run.run_id)
        return to_answers(await self._database.value("windows", *whose, asked(queries)))

    def transcript(self, run_id: RunId) -> Transcript:
        """Give read access to the run's transcript."""
        return PostgresTranscript(self._database, run_id)

    async def reserve_cost(self, ref: StepRef, attempt: int, amount_usd: Decimal, cap_usd: Decimal) -> bool:
        """Reserve before a paid call; False when it would pass the cap."""
        self._recent.take(ref)
        async with self._database.transaction() as connection:
            # The lock comes in a statement of its own: the next one sees what the former holder reserved.
            await lock_run(connection, ref.run_id)
            arguments = (ref.run_id, ref.step, attempt, amount_usd, cap_usd)
            return bool(await connection.fetchval(query("reserve"), *arguments))

    async def record_plan(self, record: PlanRecord, requests: Sequence[HumanRequest]) -> StepPlan:
        """Write plan, transcript, requests, decisions, cost and audit together; repeated: as recorded first."""
        seen = self._recent.take(StepRef(run_id=record.run_id, step=record.step))
        # A declared plan holds for the whole run, so that it is written under the lock, once.
        is_plain = record.proposal.usage.cost_usd == 0 and record.proposal.declares is None and record.act is None
        if seen is not None and is_plain:
            with suppress(Overtaken):
                async with self._database.connection() as connection:
                    return await self._record(connection, seen, record, requests)
        async with self._database.transaction() as connection:
            locked = await lock_run(connection, record.run_id, record.step)
            if locked.step_plan is not None:
                return StepPlan.model_validate(locked.step_plan)
            late = ended_plan(locked, record.step)
            if late is None and record.act is None:
                late = held_plan(locked, record.step)
            if late is not None:
                return late
            return await self._record(connection, locked, record, requests)

    async def _record(
        self, connection: Connection, locked: LockedRun, record: PlanRecord, requests: Sequence[HumanRequest]
    ) -> StepPlan:
        bundle = await self._bundles.load(locked.run["bundle_digest"], connection)
        changes = Changes.to(locked)
        spent = await _settle_cost(connection, locked, record, changes)
        digest = write_proposal(changes, record, bundle, steps=max(locked.run["steps"], record.step + 1))
        await _declare(connection, changes, record)
        if record.act is not None:
            await connection.execute(query("take_act"), record.run_id, record.act, record.step)
        for request in requests:
            open_request(changes, await with_context(connection, locked, request))
        plan = record.plan.model_copy(update={"head": changes.seal(), "cost_usd": spent})
        step_plan = plan.model_dump(mode="json", exclude_defaults=True)
        changes.plan(step=record.step, proposal_digest=digest, step_plan=step_plan)
        await changes.write(connection)
        return plan

    async def record_halt(self, plan: StepPlan, ref: StepRef, request: HumanRequest | None) -> StepPlan:
        """Record that a step was not planned, with the request to a person, if any."""
        async with self._database.transaction() as connection:
            locked = await lock_run(connection, ref.run_id, ref.step)
            if (late := ended_plan(locked, ref.step)) is not None:
                return late
            if request is not None:
                row = await connection.fetchrow(query("request"), request.id)
                if row is not None:
                    known = to_request(row)
                    standing = {"request_id": known.id, "expires_at": known.expires_at, "head": locked.head}
                    return plan.model_copy(update=standing)
            changes = Changes.to(locked)
            changes.audit("step_halted", step=ref.step, kind=plan.kind, reason=plan.summary)
            if request is not None:
                open_request(changes, await with_context(connection, locked, request))
            return plan.model_copy(update={"head": await changes.write(connection)})

    async def call_plan(self, ref: CallRef) -> CallPlan:
        """Read a recorded call. Raises `UnknownName`, or `Corrupted` when it is not as it was judged."""
        row = await self._database.row("call_plan", ref.run_id, ref.step, ref.call)
        if row is None:
            raise UnknownName(f"run {ref.run_id} has no recorded call {ref.step}/{ref.call}")
        planned = row["planned"]
        return CallPlan(
            run=to_run(row["run"]),
            step=ref.step,
            call=ref.call,
            key=effect_key(ref.run_id, ref.step, ref.call),
            tool=planned["tool"],
            node=planned["node"],
            arguments=from_json(verified(planned["arguments_digest"], row["arguments"])),
            decision=recorded_decision(planned),
            active_bundle=row["active_bundle"],
        )


def _opened(locked: LockedRun, bundle: AgentBundle, head: Any) -> OpenedRun:
    manifest = bundle.manifest
    return OpenedRun(
        agent=manifest.name,
        agent_version=manifest.version,
        owner=locked.run["owner"],
        tenant=locked.run["tenant"],
        autonomy=manifest.autonomy,
        bundle_digest=locked.run["bundle_digest"],
        bounds=manifest.bounds,
        plans_locally=manifest.planner is None or manifest.planner.kind == "playbook",
        planning_timeout_s=_planning_timeout_s(manifest.planner),
        head=head,
    )


def _planning_timeout_s(planner: PlannerSpec | None) -> float:
    """Bound one planning activity: every request that the repair loop may make."""
    if planner is None or planner.kind == "playbook":
        return LOCAL_PLANNING_TIMEOUT_S
    return planner.timeout_s * (1 + planner.max_repairs)


async def _settle_cost(connection: Connection, locked: LockedRun, record: PlanRecord, changes: Changes) -> Decimal:
    """Settle the step's reservations; gives what the run has spent after it."""
    cost = record.proposal.usage.cost_usd
    if cost == 0 and locked.newest_unsettled_usd is None:
        return locked.spent_usd
    settled: Decimal = locked.run["cost_usd"] + cost
    reserved: Decimal = locked.run["reserved_usd"]
    if locked.newest_unsettled_usd is not None:
        await connection.execute(query("settle_spend"), record.run_id, record.step, cost)
        settled += locked.unsettled_usd - locked.newest_unsettled_usd
        reserved -= locked.unsettled_usd
    changes.run(cost_usd=settled, reserved_usd=reserved)
    return settled + reserved


def _declared(row: Row) -> DeclaredPlan | None:
    if row["declared_digest"] is None:
        return None
    return DeclaredPlan.model_validate_json(verified(row["declared_digest"], row["declared"]))


async def _declare(connection: Connection, changes: Changes, record: PlanRecord) -> None:
    """Write the plan that a proposal declares if it is the run's first, and was made before untrusted data was read."""
    if record.proposal.declares is None:
        return
    digest = changes.content(record.proposal.declares.model_dump(mode="json"))
    standing = await connection.fetchrow(query("declaration"), record.run_id)
    assert standing is not None
    if standing["declared"] == digest:
        return
    said = {"step": record.step, "declared": digest, "calls": len(record.proposal.declares.calls)}
    if standing["declared"] is not None:
        changes.audit("declaration_refused", **said, reason="the run has declared another plan")
    elif standing["has_read_untrusted"]:
        changes.audit("declaration_refused", **said, reason="untrusted data was read before it")
    else:
        changes.declare(step=record.step, content_digest=digest)
        changes.audit("plan_declared", **said)
