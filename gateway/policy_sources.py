"""Where a policy to compare comes from: files, the active version, or a recorded bundle."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.policy_files import folder_of, read_policy_folder
from proctor.contracts.errors import InvalidInput, UnknownName
from proctor.contracts.ids import AgentName, Digest
from proctor.contracts.manifest import AgentBundle

if TYPE_CHECKING:
    from gateway.connections import Store

ACTIVE = "active"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class PolicySource:
    """What was named, and the agent with its policy that it stands for."""

    name: str
    bundle: AgentBundle


def is_recorded(word: str) -> bool:
    """Whether a word names something in the store, and not files."""
    return word == ACTIVE or _DIGEST.fullmatch(word) is not None


async def policy_from(word: str, agents: Path, store: "Store | None", agent: AgentName | None) -> PolicySource:
    """Find a policy by an agent's name or folder, by `active` (of `agent`), or by a bundle's digest.

    Raises:
        UnknownName: there is none. `InvalidDocument`: its files are wrong. `InvalidInput`: `active`, and no agent.

    """
    if not is_recorded(word) or store is None:
        return PolicySource(word, read_policy_folder(folder_of(agents, word)).sound())
    if word != ACTIVE:
        return PolicySource(word, await store.journal.bundle(Digest(word)))
    if agent is None:
        raise InvalidInput("`active` stands for two policies", hint="name an agent for one of them")
    version = await store.policies.active(agent)
    if version is None:
        raise UnknownName(f"{agent} has no active policy yet", hint="its first run, or `policy propose`, makes one")
    return PolicySource(f"{ACTIVE} ({version.id})", await store.journal.bundle(version.bundle_digest))


async def two_policies(old: str, new: str, agents: Path, store: "Store | None") -> tuple[PolicySource, PolicySource]:
    """Find two policies; `active` is that of the other's agent."""
    if old == ACTIVE:
        after = await policy_from(new, agents, store, None)
        return await policy_from(old, agents, store, after.bundle.manifest.name), after
    before = await policy_from(old, agents, store, None)
    return before, await policy_from(new, agents, store, before.bundle.manifest.name)
