"""Kill drills: a harmless run is started and killed, and what that took is measured, recorded and judged."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.admission import submit
from gateway.killing import KillReport, kill
from proctor.contracts.drilling import DRILL_TENANT, Drill, DrillReport
from proctor.contracts.errors import NotAuthorised, ProctorError
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import AgentName, PrincipalName, RunId, new_idempotency_key
from proctor.contracts.kill import KillOrder, KillScope
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.run import RunRecord, TaskRequest
from proctor.tools.standing_still import STOPPED

if TYPE_CHECKING:
    from gateway.connections import Gateway

DRILL_AGENT: Final = AgentName("proctor-drill")
STANDS_S: Final = 60.0
LEAD_S: Final = 0.5
"""The intent is written before the tool runs; by then it stands still."""
POLL_S: Final = 0.02

DRILLER: Final = Principal(
    name=PrincipalName("proctor.drill"), roles=frozenset({Role.REQUESTER, Role.OPERATOR, Role.AUDITOR})
)
"""Who starts the drill's run and raises its fence."""
RELEASER: Final = Principal(name=PrincipalName("proctor"), roles=frozenset({Role.OPERATOR}))
"""Who lifts it: the run has ended, and the fence of one run covers nothing else."""
MAY_DRILL: Final = frozenset({Role.OPERATOR, Role.OWNER})


@dataclass(frozen=True)
class DrillLimits:
    """How long each phase may take, in seconds from the order."""

    begin_s: float = 30.0
    """Until the run has come to its tool, from its start: a worker must be there."""
    fence_s: float = 1.0
    stopped_s: float = 1.5
    closed_s: float = 10.0

    def exceeded_by(self, report: DrillReport) -> list[str]:
        """Say which phase took too long, or did not come."""
        phases = {
            "the fence": (report.fence_s, self.fence_s),
            "stopping the tool": (report.stopped_s, self.stopped_s),
            "closing the run": (report.closed_s, self.closed_s),
        }
        return [
            f"{phase} took {took:.3f} s, at most {limit:g} s are allowed"
            if took is not None
            else f"{phase} did not come"
            for phase, (took, limit) in phases.items()
            if took is None or took > limit
        ]


async def drill(gateway: "Gateway", by: Principal, limits: DrillLimits | None = None) -> Drill:
    """Make a drill and record it, whatever comes of it.

    Raises:
        NotAuthorised: `by` is neither operator nor owner.
        Unavailable: the store does not answer, so that nothing can be recorded.

    """
    if not by.roles & MAY_DRILL:
        raise NotAuthorised(f"{by.name} is neither operator nor owner", hint="ask one who is to make a drill")
    measured, allowed = DrillReport(by=by.name, passed=False), limits or DrillLimits()
    try:
        measured = await _measure(gateway, measured, allowed)
        trouble = "; ".join(allowed.exceeded_by(measured))
    except ProctorError as error:
        trouble = error.message
    report = measured.model_copy(
        update={"passed": not trouble, "note": "; ".join(filter(None, (measured.note, trouble)))}
    )
    return await gateway.store.drills.record(report)


async def _measure(gateway: "Gateway", report: DrillReport, limits: DrillLimits) -> DrillReport:
    record = await _begin(gateway)
    report = report.model_copy(update={"run_id": record.run_id})
    has_come = await _comes_to_its_tool(gateway, record.run_id, limits.begin_s)
    if has_come:
        await asyncio.sleep(LEAD_S)
    done = await _kill(gateway, record.run_id)
    if has_come:
        return await _read(gateway, report, done)
    note = f"the run did not come to its tool within {limits.begin_s:g} s: is there a worker?"
    return report.model_copy(update={"note": note, "fence_s": done.fenced_s})


async def _begin(gateway: "Gateway") -> RunRecord:
    request = TaskRequest(
        agent=DRILL_AGENT,
        input={"seconds": STANDS_S},
        goal="measure a kill",
        requester=DRILLER.name,
        tenant=DRILL_TENANT,
        idempotency_key=new_idempotency_key(DRILL_AGENT),
    )
    store, engine = gateway.store, gateway.engine
    begun = await submit(
        request, drill_agent(), by=DRILLER, admissions=store.admissions, engine=engine, changes=gateway.changes
    )
    return begun.record


@cache
def drill_agent() -> AgentBundle:
    """Give the agent of drills, which comes with the gateway."""
    from proctor.documents.catalog import FileAgentCatalog
    from proctor.tools.signature import derive_schemas

    return FileAgentCatalog(Path(__file__).parent / "drill_agents", derive_schemas).load(DRILL_AGENT)


async def _comes_to_its_tool(gateway: "Gateway", run_id: RunId, within_s: float) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if any(record.kind == "effect_intended" for record in await gateway.store.archive.audit(run_id)):
            return True
        await asyncio.sleep(POLL_S)
    return False


async def _kill(gateway: "Gateway", run_id: RunId) -> KillReport:
    store = gateway.store
    order = KillOrder(scope=KillScope.RUN, value=run_id, actor=DRILLER.name, reason="drill", mode="freeze")
    done = await kill(
        order, by=DRILLER, kills=store.kills, archive=store.archive, journal=store.journal, engine=gateway.engine
    )
    if not done.still_open:
        await store.kills.release(done.fence.epoch, RELEASER)
    return done


async def _read(gateway: "Gateway", report: DrillReport, done: KillReport) -> DrillReport:
    """Take the times from the records: those of fence, tool and run are of one clock, the database's."""
    assert report.run_id is not None
    run = await gateway.store.archive.run(report.run_id)
    told = [one for one in await gateway.store.archive.audit(run.run_id) if one.kind.startswith("effect_")][-1]
    was_stopped = told.kind == "effect_failed" and STOPPED in str(told.body.get("error", ""))

    def since_order(moment: datetime | None) -> float | None:
        return None if moment is None else (moment - done.fence.raised_at).total_seconds() + done.fenced_s

    said = "" if was_stopped else f"the tool does not say that it was stopped ({told.kind.replace('_', ' ')})"
    return report.model_copy(
        update={
            "fence_s": done.fenced_s,
            "stopped_s": since_order(told.at) if was_stopped else None,
            "closed_s": since_order(run.closed_at),
            "note": "; ".join(filter(None, (said, done.trouble))),
        }
    )
