"""The journal's part of calls that people wrote, at the wheel or by editing one, and of what is given up for them."""

from pydantic_core import from_json

from proctor.contracts.canonical import summarize
from proctor.contracts.control import ActToPlan, Wheel
from proctor.contracts.decision import RecordedDecision, Verdict
from proctor.contracts.edits import EditedCall, EditRef, EditToJudge
from proctor.contracts.errors import Refused, Unavailable, UnknownName
from proctor.contracts.human import HumanRequest
from proctor.contracts.ids import PrincipalName, RunId, ToolName
from proctor.contracts.labels import Integrity, Labels
from proctor.contracts.steps import CallRef, CallReport, StepRef
from proctor.store.changes import Changes
from proctor.store.context import with_context
from proctor.store.control import next_act, wheel_of
from proctor.store.database import Connection
from proctor.store.dispatch import lock_call
from proctor.store.governing import recorded_decision, remember_denial
from proctor.store.ledger import OPEN_STATES
from proctor.store.locked import recorded_arguments
from proctor.store.planning import PlanJournal
from proctor.store.queries import query
from proctor.store.requests import open_request
from proctor.store.rows import Row, to_request, verified
from proctor.store.steering import MOST_READ_OF_CALL

SET_ASIDE = "taken-over"
EDITED = "edited"
"""Determining rules of calls that were not carried out because a person did something else."""


class PeoplesCallsJournal(PlanJournal):
    """Implements `PeoplesCalls`."""

    async def wheel(self, run_id: RunId) -> Wheel:
        """Tell who drives a run now."""
        async with self._database.connection() as connection:
            return await wheel_of(connection, run_id)

    async def act_to_plan(self, ref: StepRef) -> ActToPlan | None:
        """Give the oldest call that a person asked for, and the node whose call it stands in for."""
        async with self._database.connection() as connection:
            run = await connection.fetchrow(query("run"), ref.run_id)
            entry = None if run is None else await next_act(connection, run)
            if entry is None or entry.call is None:
                return None
            given_up = await connection.fetchrow(query("stood_in_for"), ref.run_id, ref.step)
        if given_up is None or given_up["tool"] != entry.call.tool:
            return ActToPlan(entry=entry)
        return ActToPlan(entry=entry, node=given_up["node"], cursor=given_up["cursor"] or {})

    async def begun(self, ref: CallRef) -> str | None:
        """Tell how an effect stands that has an intent and no outcome."""
        async with self._database.transaction() as connection:
            effect = (await lock_call(connection, ref)).effect
        return effect["state"] if effect is not None and effect["state"] in OPEN_STATES else None

    async def set_aside(self, ref: CallRef) -> CallReport:
        """Give up every call of a step that was not begun; a step of which nothing was done, altogether."""
        async with self._database.transaction() as connection:
            locked = await lock_call(connection, ref)
            rows = await connection.fetch(query("step_calls"), ref.run_id, ref.step)
            waiting = [row for row in rows if row["effect_state"] is None and row["outcome"] is None]
            is_whole = not any(row["effect_state"] or row["outcome"] in {"result", "failure"} for row in rows)
            changes, reason = Changes.to(locked), f"{locked.run['driver'] or 'a person'} took over before it was made"
            for row in waiting:
                told = {"rule": SET_ASIDE, "reason": reason, "by": "person"}
                node = "" if is_whole else row["node"]
                place = {"step": ref.step, "call": row["call"], "node": node, "tool": row["tool"]}
                changes.observe("denial", told, **place)
                changes.audit("call_set_aside", **{name: place[name] for name in ("step", "call", "tool")}, by=reason)
            if waiting and is_whole:
                await connection.execute(query("set_step_aside"), ref.run_id, ref.step)
            head = await changes.write(connection) if waiting else locked.head
        return CallReport(status="denied", summary=summarize(reason), head=head)

    async def edit_to_judge(self, ref: EditRef) -> EditToJudge:
        """Give the call that a person wrote by editing one, or what was recorded of it before."""
        async with self._database.connection() as connection:
            row = await _edit(connection, ref)
            recorded, request = await _recorded(connection, row)
        old = await self.call_plan(CallRef(run_id=ref.run_id, step=ref.step, call=ref.call))
        arguments = from_json(verified(row["arguments_digest"], row["arguments"]))
        call = row["free"] if recorded is None else recorded.call
        return EditToJudge(old=old, arguments=arguments, by=row["by"], call=call, recorded=recorded, request=request)

    async def record_edit(
        self, ref: EditRef, edit: EditToJudge, recorded: RecordedDecision, request: HumanRequest | None
    ) -> EditToJudge:
        """Write the edited call with its decision, and what became of the old one; repeated: as first."""
        place = CallRef(run_id=ref.run_id, step=ref.step, call=ref.call)
        async with self._database.transaction() as connection:
            locked = await lock_call(connection, place)
            row = await _edit(connection, ref)
            known, asked = await _recorded(connection, row)
            if known is not None:
                return edit.model_copy(update={"call": known.call, "recorded": known, "request": asked})
            if locked.has_ended:
                raise Refused(f"run {ref.run_id} has ended: {locked.run['status']}", hint="nobody is asked for it")
            if row["free"] != recorded.call:
                raise Unavailable(f"call {ref.run_id}/{ref.step}/{recorded.call} was taken meanwhile")
            assert locked.planned is not None
            changes = Changes.to(locked)
            before = await recorded_arguments(connection, locked)
            _write_old(changes, ref, edit, before, locked.planned)
            _write_new(changes, edit, recorded, locked.planned, ref.step)
            if request is not None:
                request = await with_context(connection, locked, request)
                open_request(changes, request)
            await connection.execute(query("add_said"), ref.run_id, MOST_READ_OF_CALL)
            await changes.write(connection)
        return edit.model_copy(update={"recorded": recorded, "request": request})


async def _edit(connection: Connection, ref: EditRef) -> Row:
    row = await connection.fetchrow(query("edit"), ref.request_id)
    if row is None or (row["run_id"], row["step"], row["call"]) != (ref.run_id, ref.step, ref.call):
        raise UnknownName(f"nobody edited call {ref.run_id}/{ref.step}/{ref.call} by request {ref.request_id}")
    return row


async def _recorded(connection: Connection, edit: Row) -> tuple[RecordedDecision | None, HumanRequest | None]:
    """Read what stands in the place of an edited call already."""
    if edit["replacement"] is None:
        return None, None
    recorded = recorded_decision(edit["replacement"])
    row = await connection.fetchrow(query("request_of_call"), edit["run_id"], edit["step"], recorded.call)
    return recorded, None if row is None else to_request(row)


def _write_old(changes: Changes, ref: EditRef, edit: EditToJudge, before: dict[str, object], planned: Row) -> None:
    """Write that a person changed the call, and which one stands in its place."""
    edited = EditedCall(
        call=edit.call,
        by=edit.by,
        tool=ToolName(planned["tool"]),
        arguments=edit.arguments,
        before=before,
        node=planned["node"],
    )
    reason = f"{edit.by} changed the arguments: call {edit.call} stands in its place"
    told = {"rule": EDITED, "reason": reason, "by": "person", "edited": edited.model_dump(mode="json")}
    place = {"step": ref.step, "call": ref.call, "tool": planned["tool"]}
    changes.observe("denial", told, node=planned["node"], labels=_said_by(edit.by), **place)
    changes.audit("call_edited", **place, by=edit.by, request=ref.request_id, replaced_by=edit.call)


def _write_new(changes: Changes, edit: EditToJudge, recorded: RecordedDecision, planned: Row, step: int) -> None:
    """Write the call, its decision log entry (G7), and its denial where policy forbids it."""
    decision, place = recorded.decision, {"step": step, "call": recorded.call, "tool": planned["tool"]}
    digest = changes.content(edit.arguments)
    changes.planned_call(
        **place,
        tool_version=planned["tool_version"],
        node=planned["node"],
        arguments_digest=digest,
        decision=recorded,
    )
    changes.audit(
        "call_judged",
        **place,
        tool_version=planned["tool_version"],
        arguments=digest,
        verdict=decision.verdict,
        rule=decision.determining,
        fired=[rule.model_dump() for rule in decision.fired],
        obligations=[one.model_dump(mode="json") for one in decision.obligations],
        reason=decision.reason,
        policy=decision.policy_digest,
        author=edit.by,
        replaces=recorded.replaces,
    )
    if decision.verdict is Verdict.DENY:
        said = {"rule": decision.determining, "reason": decision.reason, "by": "policy"}
        told = {**said, "advice": decision.advice} if decision.advice else said
        changes.observe("denial", told, node=planned["node"], **place)
        remember_denial(changes, recorded, planned["tool"], step=step, **said)


def _said_by(person: PrincipalName) -> Labels:
    return Labels(integrity=Integrity.TRUSTED, sources=(f"person:{person}",))
