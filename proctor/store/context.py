"""What a person who is asked about a run needs to see of it, recorded with the request (row H4)."""

from typing import Any

from proctor.contracts.human import HumanRequest
from proctor.contracts.ids import effect_key
from proctor.store.database import Connection
from proctor.store.locked import LockedRun
from proctor.store.queries import query
from proctor.store.rows import Row

CALLS_SHOWN = 12
_BECAME = {"result": "done", "failure": "failed", "denial": "denied"}
_BY_RULE = {"taken-over": "set aside", "edited": "changed by a person"}


async def with_context(connection: Connection, locked: LockedRun, request: HumanRequest) -> HumanRequest:
    """Put under `context` the goal, the newest calls in one line each, and where their results are.

    The lines are made from recorded calls; what a tool gave is named by its digest and never quoted.
    """
    rows = await connection.fetch(query("request_context"), locked.run_id, request.step, CALLS_SHOWN)
    calls = [_line(locked, row) for row in reversed(rows)]
    context = {"goal": locked.run["goal"], "steps": request.step, "calls": calls}
    return request.model_copy(update={"details": {**request.details, "context": context}})


def _line(locked: LockedRun, row: Row) -> dict[str, Any]:
    what = row["summary"] or row["tool"]
    who = {} if row["author"] is None else {"by": row["author"]}
    found = {} if row["outcome"] != "result" else {"result": row["content_digest"]}
    key = effect_key(locked.run_id, row["step"], row["call"])
    became = _BY_RULE.get(row["rule"]) or _BECAME.get(row["outcome"], "not known")
    return {"key": key, "call": what, "became": became, **who, **found}
