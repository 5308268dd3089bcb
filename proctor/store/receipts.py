"""What a run had done, from the ledger."""

from proctor.contracts.ids import EffectKey, RequestId, ToolName
from proctor.contracts.kill import EffectFate, Fence, Receipt, ReceiptLine
from proctor.contracts.manifest import AgentBundle
from proctor.store.database import Connection
from proctor.store.queries import query
from proctor.store.rows import Row, to_fence

_FATES: dict[str, EffectFate] = {
    "confirmed": "confirmed",
    "failed": "failed",
    "attempt_failed": "failed",
    "unknown": "unknown",
    "intent": "in_flight",
}


async def build_receipt(connection: Connection, run: Row, bundle: AgentBundle) -> Receipt:
    """Build the receipt of a run as the ledger stands now."""
    rows = await connection.fetch(query("receipt_effects"), run["run_id"])
    items = await connection.fetch(query("open_items"), run["run_id"])
    fence: Fence | None = None
    if run["fence_epoch"] is not None:
        row = await connection.fetchrow(query("fence"), run["fence_epoch"])
        fence = None if row is None else to_fence(row)
    undone = {row["key"].removesuffix("/undo"): row for row in rows if row["kind"] == "compensation"}
    return Receipt(
        run_id=run["run_id"],
        status=run["status"],
        epoch=run["fence_epoch"],
        lines=tuple(_line(row, undone.get(row["key"]), fence, bundle) for row in rows if row["kind"] == "act"),
        open_items=tuple(RequestId(item["id"]) for item in items),
    )


def _line(effect: Row, undo: Row | None, fence: Fence | None, bundle: AgentBundle) -> ReceiptLine:
    ended = effect["outcome_at"]
    return ReceiptLine.model_validate(
        {
            "key": EffectKey(effect["key"]),
            "tool": effect["tool"],
            "fate": _FATES[effect["state"]],
            "after_fence": fence is not None and (ended is None or ended > fence.raised_at),
            "compensation": _compensation(effect, undo, bundle),
        }
    )


def _compensation(effect: Row, undo: Row | None, bundle: AgentBundle) -> str:
    if undo is not None:
        return {"confirmed": "done", "failed": "failed", "unknown": "failed"}.get(undo["state"], "none")
    if effect["state"] in {"failed", "attempt_failed"}:
        return "not_needed"
    contract = bundle.tool(ToolName(effect["tool"]))
    return "not_possible" if contract is None or contract.compensation is None else "none"
