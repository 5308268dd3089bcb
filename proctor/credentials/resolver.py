"""`Credentials` over a worker's `credentials.yaml`: each secret for the tools that may have it, kept for a while."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from proctor.contracts.credential_sources import (
    CredentialDefinition,
    CredentialsFile,
    EnvironmentSource,
    FileSource,
    KeyringSource,
    OwnSource,
    VaultSource,
)
from proctor.contracts.credentials import CredentialUse, Secret
from proctor.contracts.errors import InvalidInput, Unavailable
from proctor.contracts.ids import ToolName
from proctor.credentials.granting import check_origin, granted
from proctor.credentials.hiding import MIN_CHARS, SecretForms
from proctor.credentials.sources import Ring, from_environment, from_file, from_keyring
from proctor.credentials.vault import Vault

_MARGIN_S: Final = 5.0
"""A secret whose lease ends within this time is not handed out: the call would begin with one that ends under it."""

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class ScopedCredentials:
    """Resolves credentials for one tool at a time. What it holds shows in no repr and cannot be pickled."""

    def __init__(
        self,
        file: CredentialsFile,
        environ: Mapping[str, str],
        *,
        now: Clock = _now,
        ring: Ring | None = None,
        forms: SecretForms | None = None,
    ) -> None:
        self._file, self._environ, self._now, self._ring = file, environ, now, ring
        self._forms = forms or SecretForms()
        self._kept: dict[tuple[str, str], tuple[Secret, datetime]] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}
        self._vault = None if file.vault is None else Vault(file.vault, self._own, now, self._forms.add)

    async def resolve(self, use: CredentialUse, tool: ToolName, origin: str = "") -> Secret:
        """Give the secret. See `Credentials.resolve`."""
        definition = granted(self._file, use, tool)
        check_origin(use.name, definition, origin)
        key = use.name, use.scope
        async with self._locks.setdefault(key, asyncio.Lock()):
            kept = self._kept.get(key)
            if kept is not None and self._now() < kept[1]:
                return kept[0]
            secret = await self._fetch(definition, use.scope)
            self._forms.add(_long_enough(secret.reveal(), use.name))
            self._kept[key] = secret, self._until(secret, definition.keep_s)
            return secret

    def known(self, text: str) -> bool:
        """Whether `text` holds a secret. See `Credentials.known`."""
        return self._forms.known(text)

    def hide(self, text: str) -> str:
        """Give `text` without secrets. See `Credentials.hide`."""
        return self._forms.hide(text)

    async def aclose(self) -> None:
        """Forget what is kept, and give leases back."""
        self._kept.clear()
        if self._vault is not None:
            await self._vault.aclose()

    def __repr__(self) -> str:
        return f"ScopedCredentials({', '.join(sorted(self._file.credentials))})"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("credentials are not written anywhere")

    def _until(self, secret: Secret, keep_s: float) -> datetime:
        until = self._now() + timedelta(seconds=keep_s)
        ends = secret.expires_at
        return until if ends is None else min(until, ends - timedelta(seconds=_MARGIN_S))

    async def _fetch(self, definition: CredentialDefinition, scope: str) -> Secret:
        match definition.source:
            case VaultSource() as source:
                if self._vault is None:
                    raise Unavailable("no Vault is named", hint="add `vault:` to the worker's credentials file")
                return await self._vault.fetch(source, scope)
            case KeyringSource() as source:
                return Secret(await from_keyring(source, self._ring))
            case EnvironmentSource() | FileSource() as source:
                return Secret(await self._read(source))

    async def _own(self, source: OwnSource) -> str:
        """Read the worker's own key to Vault, which is hidden like any other secret."""
        value = await self._read(source)
        self._forms.add(_long_enough(value, "the key to Vault"))
        return value

    async def _read(self, source: OwnSource) -> str:
        return from_environment(source, self._environ) if source.kind == "environment" else await from_file(source)


def _long_enough(value: str, name: str) -> str:
    if len(value.strip()) < MIN_CHARS:
        raise InvalidInput(
            f"the credential {name} has fewer than {MIN_CHARS} characters: it could not be kept out of logs"
        )
    return value


def names_of_environment(file: CredentialsFile) -> frozenset[str]:
    """Name the variables that hold credentials: no tool may read them as settings."""
    vault = file.vault
    own = [] if vault is None else [vault.token]
    if vault is not None and vault.approle is not None:
        own += [vault.approle.role_id, vault.approle.secret_id]
    sources = [*(credential.source for credential in file.credentials.values()), *own]
    return frozenset(source.name for source in sources if isinstance(source, EnvironmentSource))
