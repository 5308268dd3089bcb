"""Decisions that were recorded: read back, with the very rules that they were made by."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from gateway.policy_explaining import Explanation, explain_call
from policies.engine import CompiledPolicy
from policies.manifest_policy import compile_policy
from proctor.contracts.durations import looked_back
from proctor.contracts.errors import UnknownName
from proctor.contracts.ids import AgentName, Digest
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.steps import CallPlan, CallRef, PastCall

if TYPE_CHECKING:
    from gateway.connections import Store


def past_calls(store: "Store", agent: AgentName, since: str) -> AsyncIterator[PastCall]:
    """Yield an agent's recorded calls, oldest first; `since` as `7d`. Raises `InvalidInput`."""
    return store.archive.past_calls(agent, looked_back(since))


async def explain_recorded(store: "Store", ref: CallRef) -> Explanation:
    """Explain the recorded decision on one call. Raises `UnknownName`."""
    call = await store.journal.call_plan(ref)
    bundle, policy, notes = await _judged_by(store, call)
    recorded = call.decision
    facts = {**recorded.facts, "tool": call.tool, "arguments": call.arguments}
    if not recorded.facts:
        notes.append("the facts were not recorded with this decision, so that values cannot be shown")
    return explain_call(bundle, policy, recorded.decision, facts, flows=recorded.flows, notes=notes)


async def _judged_by(store: "Store", call: CallPlan) -> tuple[AgentBundle, CompiledPolicy, list[str]]:
    """Find the policy that decided: that of the bundle which the run was opened with, or of one active since."""
    wanted = call.decision.decision.policy_digest
    found = None
    for digest in await _candidates(store, call, wanted):
        bundle = await store.journal.bundle(digest)
        found = bundle, compile_policy(bundle)
        if found[1].digest == wanted:
            return *found, []
    if found is None:
        raise UnknownName(f"run {call.run.run_id} was never opened", hint="there is nothing to explain yet")
    return *found, ["the rules that decided are not at hand as they were: those of the run's own bundle are shown"]


async def _candidates(store: "Store", call: CallPlan, wanted: Digest) -> list[Digest]:
    versions: list[Any] = await store.policies.versions(call.run.agent)
    active = [version.bundle_digest for version in versions if version.policy_digest == wanted]
    own = [call.run.bundle_digest] if call.run.bundle_digest else []
    return list(dict.fromkeys([*active, *own]))
