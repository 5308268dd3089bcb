"""Where a worker's credentials come from, and which tools may have them: the document `credentials.yaml`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from proctor.contracts.base import Contract
from proctor.contracts.ids import ToolName

ANY_TOOL = "*"
Origin = Annotated[
    str, Field(pattern=r"^https?://(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9._-]*[a-z0-9])?)(:[1-9][0-9]{0,4})?$")
]
"""`https://HOST[:PORT]` or `http://…`, in small letters, without the scheme's own port."""


class EnvironmentSource(Contract):
    """A variable of the worker's environment. Tools cannot read it as a setting then."""

    kind: Literal["environment"] = "environment"
    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")


class FileSource(Contract):
    """A file that nobody but its owner and its group can read; one line break at its end is not part of the secret."""

    kind: Literal["file"] = "file"
    path: Path


class KeyringSource(Contract):
    """An entry of the operating system's keyring."""

    kind: Literal["keyring"] = "keyring"
    service: str = Field(min_length=1)
    user: str = Field(min_length=1)


class VaultSource(Contract):
    """A secret of Vault or OpenBao. `{scope}` in `path` is filled with the scope that a tool asks for."""

    kind: Literal["vault"] = "vault"
    engine: Literal["kv2", "dynamic"] = "kv2"
    """`dynamic`: made for us, with a lease that is renewed before it ends and revoked when the worker ends."""
    mount: str = Field(default="secret", pattern=r"^[A-Za-z0-9][A-Za-z0-9_/-]*$")
    path: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./{}-]*$")
    """Below the mount: `apps/tickets` of kv2, `creds/ROLE` of a database."""
    value: str = "{value}"
    """Made of the secret's fields: `{token}`, or `{username}:{password}`."""


Source = Annotated[
    EnvironmentSource | FileSource | KeyringSource | VaultSource,
    Field(discriminator="kind"),
]
OwnSource = Annotated[EnvironmentSource | FileSource, Field(discriminator="kind")]
"""Where the worker's own key to Vault lies."""


class AppRole(Contract):
    """A login by role and secret id."""

    mount: str = Field(default="approle", pattern=r"^[A-Za-z0-9][A-Za-z0-9_/-]*$")
    role_id: OwnSource
    secret_id: OwnSource


class VaultAccess(Contract):
    """Where Vault or OpenBao is, and as whom the worker asks it: a `token`, or an `approle`."""

    address: str
    """https://HOST[:PORT]; http for this machine alone."""
    namespace: str = ""
    ca_file: Path | None = None
    token: OwnSource | None = None
    approle: AppRole | None = None
    timeout_s: float = Field(default=5.0, gt=0, le=60)


class CredentialDefinition(Contract):
    """One credential: where it comes from, who may have it, and how long a worker keeps it in memory."""

    source: Source
    tools: tuple[ToolName | Literal["*"], ...] = ()
    """Tools that may have it; `*` is every tool. Empty: none."""
    scopes: tuple[str, ...] = ()
    """Scopes that a tool may ask for."""
    origins: tuple[Origin, ...] = ()
    """Where it may be sent: only tools that call one of these get it then, HTTP tools and MCP servers by URL. Empty:
    whatever its tools reach, and tools of every kind."""
    keep_s: float = Field(default=60.0, ge=0, le=3600)
    """At most so long, in seconds; a lease that ends earlier ends it."""


class CredentialsFile(Contract):
    """The document `credentials.yaml`."""

    credentials: dict[str, CredentialDefinition] = Field(default_factory=dict)
    vault: VaultAccess | None = None
