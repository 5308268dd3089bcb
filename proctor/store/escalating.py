"""Escalation by time: whom a request asks too when nobody has decided it for so long."""

from datetime import datetime

from proctor.store.approvals import process_of_request
from proctor.store.changes import Changes
from proctor.store.database import Connection
from proctor.store.locked import LockedRun
from proctor.store.rows import Row


async def escalate(connection: Connection, locked: LockedRun, request: Row) -> datetime | None:
    """Make the escalations of a pending request that are due, each once; gives when the next one is due.

    The run is locked. From this commit on those who are named may decide.
    """
    process, made, asked_at = process_of_request(request), request["escalated"], request["created_at"]
    due, changes = process.next_at(asked_at, made), Changes.to(locked)
    while due is not None and due <= locked.at:
        step = process.escalations[made]
        place = {"step": request["step"], "call": request["call"]}
        changes.audit("approval_escalated", request=request["id"], **place, to=step.to, after_s=step.after_s, n=made)
        made += 1
        due = process.next_at(asked_at, made)
    if made > request["escalated"]:
        changes.stand(request["id"], escalated=made, next_at=due)
        await changes.write(connection)
    return due
