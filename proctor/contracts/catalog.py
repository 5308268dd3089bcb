"""The catalog of shared tools: what an importer found, what is locked, and how tools were used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from pydantic import Field

from proctor.contracts.base import Contract
from proctor.contracts.credentials import Credentials
from proctor.contracts.ids import AgentName, Digest, TenantId, ToolName
from proctor.contracts.tool import ToolContract

CLAIMABLE = ("effect", "idempotency", "key_at", "key_form", "risk")
"""What the claims of a source may come to, once a person takes them for facts.

An importer writes into `Provenance.claims` what the source said, in the source's words, and under these names what it
comes to in ours: `{"method": "GET", "effect": "read"}`, `{"readOnlyHint": true, "effect": "read"}`. The contract itself
keeps the most dangerous values until `proctor tools accept`.
"""


@dataclass(frozen=True)
class Imported:
    """What an importer found at a source, for the catalog writer."""

    source: str
    """Folder under `catalog/`: lower-case letters, digits and dashes."""
    contracts: Sequence[ToolContract]
    """Each with `provenance`; unaccepted, and with the most dangerous values where the source merely claims others."""
    heading: str = ""
    """One line or more that stand as a comment above each generated file."""
    is_whole: bool = True
    """Whether these are all the operations of the source: then those that are missing are named as gone."""


@dataclass(frozen=True)
class SourcePlace:
    """Where a source is read again: relative files and commands are meant from `root`."""

    root: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    credentials: Credentials | None = None
    """What a source that does not speak to strangers is asked with."""
    state: Path | None = None
    """Where sandboxes of commands are made; None: a command that is to run in one is not run."""


class ReadAgain(Protocol):
    """Reads a source again, for `tools verify` and `tools accept`; one for each `Provenance.kind`."""

    async def __call__(self, contracts: Sequence[ToolContract], place: SourcePlace, /) -> Sequence[ToolContract]:
        """Give the contracts that an import would make now.

        `contracts` share `provenance.kind` and `provenance.source`. An answer belongs to the one with the same
        `provenance.operation`; operations that the source no longer has are left out. What `provenance.digest` says
        must depend on nothing but what the source says of the operation.

        Raises:
            Unavailable: the source does not answer.
            InvalidInput: it answers with what cannot be read.
            NotAuthorised: a credential that it needs may not be used to ask it.

        """


class LockedTool(Contract):
    """One version of one tool, as a person locked it."""

    name: ToolName
    version: str
    file: str
    """Relative to `catalog/`."""
    contract: Digest
    """Of the whole contract."""
    said: Digest | None = None
    """Of what its source said; None: it has no source but its file."""


class CatalogLock(Contract):
    """`catalog/catalog.lock`: what was reviewed. A tool of the catalog that is not here as it is, is not loaded."""

    form: Literal[1] = 1
    tools: tuple[LockedTool, ...] = ()


class ToolUsage(Contract):
    """How one version of a tool was used, by one agent in one tenant."""

    tool: ToolName
    version: str
    agent: AgentName
    tenant: TenantId
    calls: int = Field(ge=0)
    failed: int = Field(ge=0)
    unknown: int = Field(ge=0)
    """Effects whose outcome was unknown when it was asked."""
    last_used: datetime | None = None
    last_failed: datetime | None = None
    median_s: float | None = None
    """Of the recorded calls; None where no time was recorded."""


class ToolUse(Protocol):
    """What the ledger says of how tools were used."""

    async def usage(self, within_s: float, tool: ToolName | None = None) -> list[ToolUsage]:
        """Count the calls of the last seconds by tool, version, agent and tenant, most used first.

        A compensation counts as a call of its tool; its version is empty, as no plan named one.
        """
