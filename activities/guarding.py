"""Guardrails that a manifest names, applied to what tools give back (policies/guardrails.py)."""

from policies.guardrails import injection_hits, scrub_pii
from proctor.contracts.canonical import canonical_json, summarize
from proctor.contracts.errors import InvalidInput
from proctor.contracts.tool import Confirmed, ToolOutcome

LOOKED_AT = 65_536
"""Characters of a result that detectors read; they are telemetry, and must not hold up a run."""


def guarded(outcome: ToolOutcome, guardrails: tuple[str, ...]) -> ToolOutcome:
    """Note what detectors found in a result, and keep personal data out of the summary that history shows.

    The result itself stays as it is: it is untrusted whatever a detector says (DESIGN §8).
    """
    wanted = {"injection_filter", "pii_scrubber"}.intersection(guardrails)
    if not wanted or not isinstance(outcome, Confirmed):
        return outcome
    try:
        text = canonical_json(outcome.result).decode()
    except InvalidInput:  # The store refuses it with a reason of its own.
        return outcome
    changes: dict[str, object] = {}
    if "injection_filter" in wanted:
        changes["signals"] = injection_hits(text[:LOOKED_AT])
    if "pii_scrubber" in wanted:
        changes["summary"] = summarize(scrub_pii(text[:LOOKED_AT]))
    return outcome.model_copy(update=changes)
