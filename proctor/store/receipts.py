"""What a run had done, from the ledger."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from proctor.contracts.ids import Digest, EffectKey, RequestId, RunId, ToolName
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
    (receipt,) = await build_receipts(connection, [run], {run["bundle_digest"]: bundle})
    return receipt


async def build_receipts(
    connection: Connection, runs: Sequence[Row], bundles: Mapping[Digest, AgentBundle]
) -> list[Receipt]:
    """Build the receipts of many runs, each with the bundle of its digest, in as many queries as for one."""
    run_ids = [run["run_id"] for run in runs]
    effects = _by_run(await connection.fetch(query("receipt_effects"), run_ids))
    items = _by_run(await connection.fetch(query("open_items"), run_ids))
    epochs = [run["fence_epoch"] for run in runs if run["fence_epoch"] is not None]
    fences = {row["epoch"]: to_fence(row) for row in await connection.fetch(query("fences_by_epoch"), epochs)}
    return [
        _receipt(
            run,
            effects[run["run_id"]],
            items[run["run_id"]],
            fences.get(run["fence_epoch"]),
            bundles[run["bundle_digest"]],
        )
        for run in runs
    ]


def _by_run(rows: Iterable[Row]) -> defaultdict[RunId, list[Row]]:
    found = defaultdict[RunId, list[Row]](list)
    for row in rows:
        found[row["run_id"]].append(row)
    return found


def _receipt(
    run: Row, effects: Sequence[Row], items: Sequence[Row], fence: Fence | None, bundle: AgentBundle
) -> Receipt:
    undone = {row["key"].removesuffix("/undo"): row for row in effects if row["kind"] == "compensation"}
    return Receipt(
        run_id=run["run_id"],
        status=run["status"],
        reason=run["status_reason"] or "",
        epoch=run["fence_epoch"],
        lines=tuple(_line(row, undone.get(row["key"]), fence, bundle) for row in effects if row["kind"] == "act"),
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
