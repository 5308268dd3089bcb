"""A register of policies and recorded calls, in memory."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from policies.engine import CompiledPolicy
from proctor.contracts.canonical import digest_json
from proctor.contracts.decision import RecordedDecision
from proctor.contracts.errors import NotAuthorised, Refused, UnknownName
from proctor.contracts.governing import ChangeKind, PolicyVersion
from proctor.contracts.human import Principal
from proctor.contracts.ids import RunId
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.run import CallPlan, CallRef, PastCall

from .fakes import NOW, FakeStore, run_record


@dataclass
class FakePolicyRegister:
    """Follows the rules of `PolicyRegister`. `before_propose` runs once, as if somebody were quicker."""

    kept: list[PolicyVersion] = field(default_factory=list)
    bundles: dict[str, AgentBundle] = field(default_factory=dict)
    before_propose: Any = None

    async def active(self, agent: str) -> PolicyVersion | None:
        return next((one for one in reversed(self.kept) if one.agent == agent and one.state == "active"), None)

    async def versions(self, agent: str) -> list[PolicyVersion]:
        return [one for one in reversed(self.kept) if one.agent == agent]

    async def propose(
        self,
        bundle: AgentBundle,
        policy_digest: str,
        change: ChangeKind,
        summary: Sequence[str],
        by: str,
        *,
        against: str | None,
    ) -> PolicyVersion:
        if self.before_propose is not None:
            quicker, self.before_propose = self.before_propose, None
            await quicker()
        active = await self.active(bundle.manifest.name)
        if against != (active.bundle_digest if active else None):
            raise Refused("another policy became active in between", hint="diff again")
        digest = digest_json(bundle.model_dump(mode="json"))
        known = next((one for one in self.kept if one.bundle_digest == digest), None)
        if known is not None:
            return known
        owner_changes = active is not None and active.owner != bundle.manifest.owner
        is_loose = change is ChangeKind.LOOSENS or owner_changes
        version = PolicyVersion(
            id=f"v{len(self.kept) + 1}",
            agent=bundle.manifest.name,
            bundle_digest=digest,
            policy_digest=policy_digest,
            owner=bundle.manifest.owner,
            change=change,
            summary=tuple(summary),
            state="proposed" if active is not None and is_loose else "active",
            proposed_by=by,
            at=NOW,
        )
        self.bundles[digest] = bundle
        self._add(version)
        return version

    async def decide(self, version_id: str, word: str, by: Principal, reason: str) -> PolicyVersion:
        version = next((one for one in self.kept if one.id == version_id), None)
        if version is None:
            raise UnknownName(f"there is no version {version_id}")
        if version.state != "proposed":
            raise Refused(f"version {version_id} is {version.state} already")
        if word == "reject":
            return self._replace(version, state="rejected", reason=reason)
        if by.name == version.proposed_by and by.name != version.owner:
            raise NotAuthorised("who proposed it does not approve it")
        approved = tuple(dict.fromkeys((*version.approved_by, by.name)))
        is_active = version.owner in approved and len(approved) > 1
        return self._replace(version, approved_by=approved, state="active" if is_active else "proposed")

    def _replace(self, version: PolicyVersion, **changes: Any) -> PolicyVersion:
        changed = version.model_copy(update=changes)
        self.kept = [one for one in self.kept if one.id != version.id]
        self._add(changed)
        return changed

    def _add(self, version: PolicyVersion) -> None:
        if version.state == "active":
            retired = {"state": "retired"}
            self.kept = [
                one.model_copy(update=retired) if one.agent == version.agent and one.state == "active" else one
                for one in self.kept
            ]
        self.kept.append(version)


@dataclass
class PolicyStore(FakeStore):
    """A store that knows policies and recorded calls."""

    policies: FakePolicyRegister = field(default_factory=FakePolicyRegister)
    past: list[PastCall] = field(default_factory=list)
    asked_within_s: int | None = None

    async def bundle(self, digest: str) -> AgentBundle:
        if digest not in self.policies.bundles:
            raise UnknownName(f"there is no stored bundle {digest[:16]}…")
        return self.policies.bundles[digest]

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
