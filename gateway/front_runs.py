"""What one principal may ask for and see of runs, with the services of this process."""

import base64
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from gateway.admission import submit
from gateway.agents import load_agent
from gateway.approvals import as_it_stands
from gateway.auditing import read_trail
from gateway.connections import Gateway
from gateway.explaining import Story, tell
from gateway.following import follow
from gateway.front_models import AuditTrail, Page, RunDetail, RunQuery, SubmittedRun, TaskOrder
from proctor.contracts.audit import AuditRecord, agent_of_chain
from proctor.contracts.errors import InvalidInput, NotAuthorised, UnknownName
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import DEFAULT_TENANT, RunId, ToolName, new_idempotency_key
from proctor.contracts.kill import Fence, KillScope, Receipt
from proctor.contracts.run import RunRecord, TaskRequest

SEES_ALL = frozenset({Role.APPROVER, Role.OWNER, Role.OPERATOR, Role.AUDITOR})
AUDITS = frozenset({Role.AUDITOR, Role.OWNER})
MOST_CHAINS = 1_000_000
KEYS_OF_OTHERS = ("hook-", "sched-")
"""How keys begin that hooks and schedules derive: whoever took such a key first would keep their run from beginning."""


def needs_role(principal: Principal, roles: frozenset[Role], what: str) -> None:
    """Let through who has one of `roles`. Raises `NotAuthorised`."""
    if not principal.roles & roles:
        raise NotAuthorised(f"{principal.name} may not {what}", hint=f"it takes the role {' or '.join(sorted(roles))}")


def held_tools_note(tools: Sequence[ToolName], fences: Sequence[Fence]) -> str:
    """Say which of an agent's tools a kill holds: a run is accepted all the same, and ends at a call of one."""
    covering = (fence for fence in fences if fence.scope is KillScope.TOOL and fence.value in tools)
    held = [f"{fence.value} (fence {fence.epoch})" for fence in covering]
    return f"a kill holds {', '.join(held)}: a call of it ends the run until the fence is lifted" if held else ""


@dataclass(frozen=True)
class LocalRuns:
    """Runs. A requester sees their own, every other role all of them, and who has no role none."""

    gateway: Gateway
    principal: Principal

    async def submit(self, order: TaskOrder, key: str | None = None) -> SubmittedRun:
        """Ask for a run; the same idempotency key names the same run."""
        if key is not None and key.startswith(KEYS_OF_OTHERS):
            raise InvalidInput(
                f"a key that begins with {key.partition('-')[0]}- is not for people", hint="take another"
            )
        bundle = load_agent(self.gateway.catalog, order.agent, order.model)
        request = TaskRequest(
            agent=bundle.manifest.name,
            input=order.input,
            goal=order.goal,
            requester=self.principal.name,
            tenant=DEFAULT_TENANT,
            idempotency_key=new_idempotency_key(bundle.manifest.name) if key is None else key,
        )
        done = await submit(
            request,
            bundle,
            by=self.principal,
            admissions=self.gateway.store.admissions,
            engine=self.gateway.engine,
            changes=self.gateway.changes,
        )
        note = held_tools_note(bundle.manifest.allowed_tools, await self.gateway.store.kills.active())
        return SubmittedRun(run=done.record, is_new=done.is_new, note=note)

    async def runs(self, query: RunQuery) -> Page[RunRecord]:
        """List runs, newest first, waiting ones shown as waiting."""
        needs_role(self.principal, SEES_ALL | {Role.REQUESTER}, "see runs")
        store = self.gateway.store
        found = await store.archive.runs(
            agent=query.agent,
            open_only=query.open_only,
            requester=None if self._sees_all else self.principal.name,
            after=None if query.cursor is None else read_cursor(query.cursor),
            limit=query.limit + 1,
        )
        items = found[: query.limit]
        waiting = await store.people.pending() if any(not one.status.is_end for one in items) else []
        return Page(
            items=tuple(as_it_stands(one, waiting) for one in items),
            next_cursor=write_cursor(items[-1]) if len(found) > query.limit else None,
        )

    async def run(self, run_id: RunId) -> RunDetail:
        """Show a run."""
        record, store = await self.visible(run_id), self.gateway.store
        report = None if record.report_digest is None else await store.archive.content(record.report_digest)
        waiting = await store.people.pending(record.run_id)
        return RunDetail(
            run=as_it_stands(record, waiting),
            audit_head=await store.archive.recorded_head(record.run_id),
            report=report,
            waiting_for=tuple(waiting),
        )

    async def receipt(self, run_id: RunId) -> Receipt:
        """Say what a run had done."""
        return await self.gateway.store.kills.receipt((await self.visible(run_id)).run_id)

    async def explain(self, run_id: RunId) -> Story:
        """Say why a run did what it did."""
        record, archive = await self.visible(run_id), self.gateway.store.archive
        return tell(record, await archive.audit(record.run_id), await archive.observations(record.run_id))

    async def follow(self, run_id: RunId, after: int = -1) -> AsyncIterator[AuditRecord]:
        """Yield audit records as they come, until the run has ended."""
        record = await self.visible(run_id)
        async for one in follow(self.gateway.store.archive, record.run_id, after=after):
            yield one

    async def audit(self, chain_id: RunId) -> AuditTrail:
        """Give the trail of a run, or of what governs an agent or the installation."""
        needs_role(self.principal, AUDITS, "export the audit trail")
        if agent_of_chain(chain_id) is None:
            await self.visible(chain_id)
        trail = await read_trail(chain_id, self.gateway.store.archive, self.gateway.engine)
        return AuditTrail(
            run_id=trail.run_id,
            records=tuple(trail.records),
            witnesses=tuple(trail.witnesses),
            notes=tuple(trail.notes),
            contradictions=tuple(trail.contradictions),
        )

    async def chains(self) -> Sequence[RunId]:
        """List every chain there is: runs, then agents and the installation."""
        needs_role(self.principal, AUDITS, "list the audit trails")
        archive = self.gateway.store.archive
        runs = await archive.runs(limit=MOST_CHAINS)
        return [*(record.run_id for record in runs), *await archive.agent_chains()]

    async def visible(self, run_id: RunId) -> RunRecord:
        """Find a run that the principal may see. Raises `UnknownName`: others learn nothing of it."""
        needs_role(self.principal, SEES_ALL | {Role.REQUESTER}, "see runs")
        known = "\x00" not in run_id and run_id.isprintable()
        record = await self.gateway.store.archive.run(run_id) if known else None
        who = self.principal
        if record is None or not (self._sees_all or who.name == record.requester or who.answers_for(record.owner)):
            raise UnknownName(f"there is no run {run_id}", hint="`proctor ps` lists the runs")
        return record

    @property
    def _sees_all(self) -> bool:
        return bool(self.principal.roles & SEES_ALL)


def write_cursor(record: RunRecord) -> str:
    """Say where a page ended."""
    text = json.dumps([record.created_at.isoformat(), record.run_id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str) -> tuple[datetime, RunId]:
    """Read where a page ended. Raises `InvalidInput`."""
    try:
        at, run_id = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or not isinstance(run_id, str) or not run_id.isprintable():
            raise ValueError(text)  # noqa: TRY301 - one place says what is wrong
    except (ValueError, TypeError, ValidationError) as error:
        raise InvalidInput("this cursor was not given by us", hint="begin without a cursor") from error
    return moment, RunId(run_id)
