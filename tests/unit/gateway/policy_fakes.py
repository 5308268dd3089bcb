"""A register of policies and recorded calls, in memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from policies.engine import CompiledPolicy
from proctor.contracts.canonical import digest_json
from proctor.contracts.decision import RecordedDecision
from proctor.contracts.errors import UnknownName
from proctor.contracts.ids import RunId
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.steps import CallPlan, CallRef, PastCall

from .fakes import NOW, FakeStore, run_record


@dataclass
class PolicyStore(FakeStore):
    """A store that knows policies and recorded calls."""

    past: list[PastCall] = field(default_factory=list)
    asked_within_s: int | None = None

    async def past_calls(self, agent: str, within_s: int) -> AsyncIterator[PastCall]:
        self.asked_within_s = within_s
        for call in self.past:
            if call.agent == agent:
                yield call

    async def call_plan(self, ref: CallRef) -> CallPlan:
        for call in self.past:
            if (call.run_id, call.step, call.call) == (ref.run_id, ref.step, ref.call):
                run = run_record(call.run_id, agent=call.agent, bundle_digest=call.bundle_digest)
                return CallPlan(
                    run=run,
                    step=call.step,
                    call=call.call,
                    key=f"{call.run_id}/{call.step}/{call.call}",
                    tool=call.tool,
                    arguments=call.arguments,
                    decision=call.recorded,
                )
        raise UnknownName(f"run {ref.run_id} has no recorded call {ref.step}/{ref.call}")

    def keep(self, bundle: AgentBundle) -> str:
        digest = digest_json(bundle.model_dump(mode="json"))
        self.policies.bundles[digest] = bundle
        return digest

    def judge(self, bundle: AgentBundle, policy: CompiledPolicy, facts: dict[str, Any], **changes: Any) -> PastCall:
        """Record a call as it was judged on these facts, a minute after the one before."""
        arguments = facts["arguments"]
        recorded = RecordedDecision(
            call=0,
            decision=policy.judge(facts),
            arguments_digest=digest_json(arguments),
            facts={name: value for name, value in facts.items() if name != "arguments"},
            flows=changes.pop("flows", {}),
        )
        call = PastCall(
            run_id=RunId(f"run-{len(self.past)}"),
            step=0,
            call=0,
            at=NOW + timedelta(minutes=len(self.past)),
            tenant="default",
            agent=bundle.manifest.name,
            requester="rita",
            bundle_digest=self.keep(bundle),
            tool=facts["tool"],
            arguments=arguments,
            recorded=changes.pop("recorded", recorded),
            effect=changes.pop("effect", "confirmed"),
        )
        self.past.append(call)
        return call
