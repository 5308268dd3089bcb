"""Guardrails that a manifest names, applied to what tools give back (policies/guardrails.py)."""

from policies.guardrails import injection_hits, scrub_pii
from policies.redaction import redacted
from proctor.contracts.canonical import canonical_json, summarize
from proctor.contracts.errors import InvalidInput
from proctor.contracts.labels import Labels
from proctor.contracts.steps import CallPlan
from proctor.contracts.tool import Confirmed, ToolOutcome

LOOKED_AT = 65_536
"""Characters of a result that detectors read; they are telemetry, and must not hold up a run."""


def guarded(outcome: ToolOutcome, plan: CallPlan, guardrails: tuple[str, ...]) -> ToolOutcome:
    """Make a result fit to be recorded: without what policy redacts, labelled with its source, looked at by detectors.

    It is untrusted whatever a detector says (DESIGN §8).
    """
    if not isinstance(outcome, Confirmed):
        return outcome
    # Who may see it stays as its tool says: to name the source must not restrict what is public.
    named = Labels(confidentiality=outcome.labels.confidentiality, sources=(f"tool:{plan.tool}#{plan.step}",))
    labels = outcome.labels.join(named)
    result = redacted(outcome.result, plan.decision.decision.obligations)
    is_whole = result == outcome.result
    outcome = outcome.model_copy(
        update={"labels": labels} if is_whole else {"labels": labels, "result": result, "summary": None}
    )
    return _looked_at(outcome, {"injection_filter", "pii_scrubber"}.intersection(guardrails))


def _looked_at(outcome: Confirmed, wanted: set[str]) -> ToolOutcome:
    if not wanted:
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
