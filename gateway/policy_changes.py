"""How a policy changes: what tightens it takes effect at once, what loosens it takes the owner and a second person."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proctor.contracts.canonical import digest_json
from proctor.contracts.errors import Refused
from proctor.contracts.governing import ChangeKind, PolicyVersion
from proctor.contracts.governing_ports import PolicyRegister
from proctor.contracts.human import Principal
from proctor.contracts.ids import Digest, PrincipalName
from proctor.contracts.manifest import AgentBundle

if TYPE_CHECKING:  # Importing it takes longer than all that a change of nothing needs.
    from gateway.policy_difference import PolicyDifference

PRODUCTION, DEVELOPMENT = "production", "development"
FIRST = "the first version"
UNREVIEWED = "development: loosened without a second person"
ATTEMPTS = 3
"""How often a version is offered while others become active in between."""


@dataclass(frozen=True)
class PolicyChanges:
    """The changes of policies, as the register records them."""

    register: PolicyRegister
    bundle_of: Callable[[Digest], Awaitable[AgentBundle]]
    """Gives a recorded bundle."""
    environment: str = PRODUCTION
    """In `development` alone a loosening needs nobody; it is recorded as such."""

    async def ensure_active(self, bundle: AgentBundle, requester: PrincipalName) -> None:
        """Make the policy of a bundle the active one, where that takes nobody's approval.

        The first policy of an agent, and one that only tightens, is recorded and active at once.

        Raises:
            Refused: it loosens the active policy; says what, and how to propose it.

        """
        active = await self.register.active(bundle.manifest.name)
        if active is not None and active.bundle_digest == digest_of(bundle):
            return
        if active is not None and await self._is_same_policy(active, bundle):
            return
        version = await self._record(bundle, requester, is_urgent=True)
        if version.state != "active":
            raise await self._refusal(bundle, await self.compare(bundle, active))

    async def propose(self, bundle: AgentBundle, by: PrincipalName) -> PolicyVersion:
        """Record the policy of a bundle as a version; a loosening waits for the owner and a second person."""
        return await self._record(bundle, by, is_urgent=False)

    async def decide(self, version_id: str, word: str, by: Principal, reason: str) -> PolicyVersion:
        """Record `approve` or `reject`. Raises as `PolicyRegister.decide` does."""
        return await self.register.decide(version_id, word, by, reason)

    async def compare(self, bundle: AgentBundle, active: PolicyVersion | None) -> "PolicyDifference":
        """Say what changes against the active version; nothing loosens against none."""
        from gateway.policy_difference import PolicyDifference, difference

        if active is None:
            return PolicyDifference(kind=ChangeKind.NEUTRAL, changes=())
        return difference(await self.bundle_of(active.bundle_digest), bundle)

    async def _is_same_policy(self, active: PolicyVersion, bundle: AgentBundle) -> bool:
        """Whether nothing that decides differs.

        The same rules are not enough: who is in the address book, what a tool really does, which of its results are
        trusted and how much a run may spend is in no rule.
        """
        if active.policy_digest != _rules_digest(bundle) or active.owner != bundle.manifest.owner:
            return False
        return (await self.compare(bundle, active)).kind is ChangeKind.NEUTRAL

    async def _record(self, bundle: AgentBundle, by: PrincipalName, *, is_urgent: bool) -> PolicyVersion:
        for attempt in range(ATTEMPTS):
            active = await self.register.active(bundle.manifest.name)
            try:
                return await self._offer(bundle, by, active, is_urgent=is_urgent)
            except Refused:
                now = await self.register.active(bundle.manifest.name)
                if now == active or attempt + 1 == ATTEMPTS:
                    raise
        raise Refused(f"the policy of {bundle.manifest.name} changes too often just now", hint="try again")

    async def _offer(
        self, bundle: AgentBundle, by: PrincipalName, active: PolicyVersion | None, *, is_urgent: bool
    ) -> PolicyVersion:
        found = await self.compare(bundle, active)
        kind, summary = found.kind, found.summary() or ((FIRST,) if active is None else ())
        if is_urgent and kind is ChangeKind.LOOSENS:
            if self.environment != DEVELOPMENT:
                raise await self._refusal(bundle, found)
            kind, summary = ChangeKind.NEUTRAL, (UNREVIEWED, *summary)
        against = None if active is None else active.bundle_digest
        digest = _rules_digest(bundle)
        return await self.register.propose(bundle, digest, kind, summary, by, against=against)

    async def _refusal(self, bundle: AgentBundle, found: "PolicyDifference") -> Refused:
        name, digest = bundle.manifest.name, _rules_digest(bundle)
        first = next((change for change in found.changes if change.kind is ChangeKind.LOOSENS), None)
        what = first.line if first else f"its owner would be {bundle.manifest.owner}"
        active = await self.register.active(name)
        since = [one for one in await self.register.versions(name) if active is None or one.at >= active.at]
        known = next((one for one in since if one.policy_digest == digest), None)
        if known is not None and known.state == "rejected":
            message = f"the policy of {name} in the files was rejected as version {known.id}: {known.reason}"
            return Refused(message, hint="take the change back")
        propose = "" if known and known.state == "proposed" else f"`proctor policy propose {name}`, then "
        version = known.id if known and known.state == "proposed" else "VERSION"
        hint = f"{propose}`proctor policy approve {version}` by its owner and by a second person"
        return Refused(f"the policy of {name} in the files allows more than the active one: {what}", hint=hint)


def digest_of(bundle: AgentBundle) -> Digest:
    """Give the digest by which a bundle is recorded."""
    return digest_json(bundle.model_dump(mode="json"))


def _rules_digest(bundle: AgentBundle) -> Digest:
    from policies.manifest_policy import compile_policy

    return compile_policy(bundle).digest
