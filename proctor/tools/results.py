"""From what a tool gave to an outcome: JSON, of bounded size, checked against the contract, labelled untrusted."""

from typing import Any

from proctor.contracts.arguments import MAX_DEPTH, is_flat_enough
from proctor.contracts.canonical import CUT, canonical_json, summarize
from proctor.contracts.errors import InvalidInput
from proctor.contracts.labels import Integrity, Labels
from proctor.contracts.schemas import problems
from proctor.contracts.tool import Confirmed, Failed, ToolContract, ToolOutcome, Unknown

MAX_RESULT_BYTES = 256 * 1024
"""Largest result, in bytes of canonical JSON."""
PREVIEW_CHARS = 2000
KEPT_FIELD_CHARS = 200


def confirm(contract: ToolContract, value: Any) -> ToolOutcome:
    """Judge the result of a call that succeeded.

    A read whose result cannot be used has failed. An effect happened all the same, so it is confirmed, with the
    problem named under `_schema_error`.
    """
    try:
        size = len(canonical_json(value))
    except (InvalidInput, RecursionError) as error:
        return unusable(contract, f"the result is not JSON that can be stored: {error}", _written(value))
    if size > MAX_RESULT_BYTES:
        return oversize(contract, f"the result has {size} bytes", value)
    if not is_flat_enough(value):
        return unusable(contract, f"the result is nested more than {MAX_DEPTH} deep", "")
    mismatch = problems(contract.output_schema, value)
    if not mismatch:
        return Confirmed(result=value, labels=_labels(contract))
    problem = "the result does not fit the output schema: " + "; ".join(mismatch)
    if contract.is_read:
        return Failed(error=summarize(problem, 500))
    shown = value if isinstance(value, dict) else {"value": value}
    return Confirmed(result={**shown, "_schema_error": problem}, labels=_labels(contract))


def oversize(contract: ToolContract, problem: str, value: Any) -> ToolOutcome:
    """Judge a result that is too large to keep.

    Of an effect's result the short top-level fields are kept: a compensation usually needs the id among them.
    """
    if contract.is_read:
        return Failed(error=f"{problem}; the limit is {MAX_RESULT_BYTES}: ask for less, with a filter or a limit")
    kept = {key: part for key, part in value.items() if _is_short(part)} if isinstance(value, dict) else {}
    marker = {"_truncated": True, "_schema_error": f"{problem}; the limit is {MAX_RESULT_BYTES}"}
    small = len(canonical_json(kept)) <= MAX_RESULT_BYTES // 2
    return Confirmed(result={**(kept if small else {}), **marker}, labels=_labels(contract))


def unusable(contract: ToolContract, problem: str, text: str) -> ToolOutcome:
    """Judge a result that is not JSON; of an effect's result the beginning is kept as `_preview`."""
    problem = summarize(problem, 500)
    if contract.is_read:
        return Failed(error=problem)
    cut = CUT if len(text) > PREVIEW_CHARS else ""
    preview = text[:PREVIEW_CHARS].encode("utf-8", "replace").decode() + cut
    return Confirmed(result={"_schema_error": problem, "_preview": preview}, labels=_labels(contract))


def lost(contract: ToolContract, why: str) -> ToolOutcome:
    """Judge a call that was dispatched and gave no answer: repeating a read is harmless, an effect is unknown."""
    if contract.is_read:
        return Failed(error=summarize(why, 500), retryable=True)
    return Unknown(error=summarize(f"{why}; it may have happened", 500))


def _written(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - it may be of any class, too deep, or a number too long to be written
        return ""


def _is_short(part: Any) -> bool:
    return not isinstance(part, dict | list) and len(str(part)) <= KEPT_FIELD_CHARS


def _labels(contract: ToolContract) -> Labels:
    """Untrusted whatever the tool says of itself; who may see it, its contract says."""
    sources = (f"tool:{contract.name}",)
    return Labels(integrity=Integrity.UNTRUSTED, confidentiality=contract.confidentiality, sources=sources)
