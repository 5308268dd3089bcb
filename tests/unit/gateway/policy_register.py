"""A register of policies, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from proctor.contracts.canonical import digest_json
from proctor.contracts.errors import NotAuthorised, Refused, UnknownName
from proctor.contracts.governing import ChangeKind, PolicyVersion
from proctor.contracts.human import Principal
from proctor.contracts.manifest import AgentBundle

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


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
