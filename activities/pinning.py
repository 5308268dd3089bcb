"""What the workflow's own history says a call is: a witness that whoever can write to the database cannot change."""

from proctor.contracts.canonical import digest_json
from proctor.contracts.errors import Corrupted
from proctor.contracts.ids import Digest, ToolName
from proctor.contracts.run import RunRecord
from proctor.contracts.steps import CallPlan, CallRef, StepRef

SHOWN = 16
"""Characters of a digest that history keeps: 64 bits, which nobody finds a second value for within a run."""


def fingerprint_of(tool: ToolName, arguments_digest: Digest, bundle_digest: Digest | None) -> str:
    """Give the fingerprint of a judged call: its tool, its exact arguments, and the bundle that it was judged by."""
    return digest_json([tool, arguments_digest, bundle_digest])[:SHOWN]


def check_call(ref: CallRef, plan: CallPlan) -> None:
    """Make sure that a recorded call is the one that was planned. Raises `Corrupted`."""
    found = fingerprint_of(plan.tool, digest_json(plan.arguments), plan.run.bundle_digest)
    if ref.fingerprint and ref.fingerprint != found:
        raise Corrupted(
            f"the record of call {ref.run_id}/{ref.step}/{ref.call} is not what was planned",
            hint=f"nothing was sent; `proctor audit verify {ref.run_id}` looks for what was altered",
        )


def check_bundle(ref: StepRef, run: RunRecord) -> None:
    """Make sure that a run still stands on the bundle that it was opened with. Raises `Corrupted`."""
    if ref.bundle and not (run.bundle_digest or "").startswith(ref.bundle):
        raise Corrupted(
            f"run {ref.run_id} no longer stands on the bundle that it was opened with",
            hint=f"nothing was planned; `proctor audit verify {ref.run_id}` looks for what was altered",
        )
