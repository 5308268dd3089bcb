"""Vault over its HTTP API: KV, dynamic secrets whose lease is renewed in time, logins that end."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from proctor.contracts.credential_sources import CredentialsFile
from proctor.contracts.credentials import CredentialUse
from proctor.contracts.errors import NotAuthorised, ProctorError, Unavailable
from proctor.contracts.ids import ToolName
from proctor.credentials.resolver import ScopedCredentials
from tests.integration.credentials.vaults import ROLE_ID, SECRET_ID, TOKEN, SmallVault, small_vault

ENVIRON = {"VAULT_TOKEN": TOKEN, "ROLE": ROLE_ID, "SECRET": SECRET_ID}
BY_TOKEN = {"token": {"kind": "environment", "name": "VAULT_TOKEN"}}
BY_ROLE = {
    "approle": {
        "role_id": {"kind": "environment", "name": "ROLE"},
        "secret_id": {"kind": "environment", "name": "SECRET"},
    }
}
TOOL = ToolName("CreateTicket")


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def move(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def asking(vault: SmallVault, access: dict[str, Any], clock: FakeClock, **source: Any) -> ScopedCredentials:
    credential = {"source": {"kind": "vault", **source}, "tools": [TOOL], "scopes": ["read-only"], "keep_s": 30}
    file = {"credentials": {"it": credential}, "vault": {"address": vault.address, **access}}
    return ScopedCredentials(CredentialsFile.model_validate(file), ENVIRON, now=clock)


async def value(credentials: ScopedCredentials, scope: str = "") -> str:
    return (await credentials.resolve(CredentialUse(name="it", scope=scope), TOOL)).reveal()


KV = {"path": "tickets", "value": "{token}"}
DATABASE = {"engine": "dynamic", "mount": "database", "path": "creds/{scope}", "value": "{username}:{password}"}


async def test_kv_secret_is_kept_for_its_time_and_then_asked_again() -> None:
    """A rotated secret is used soon, and Vault is not asked for each call."""
    clock = FakeClock()
    with small_vault(tickets={"token": "first-token"}) as vault:
        credentials = asking(vault, {**BY_TOKEN, "namespace": "team"}, clock, **KV)
        assert ["first-token", "first-token"] == [await value(credentials), await value(credentials)]
        vault.kv["tickets"] = {"token": "second-token"}
        clock.move(29)
        assert "first-token" == await value(credentials)
        clock.move(2)
        assert "second-token" == await value(credentials)
        assert ("GET", "secret/data/tickets", "team") == (*vault.asked[-1], vault.namespaces[-1])
        assert 2 == len(vault.asked)
        await credentials.aclose()


async def test_lease_is_renewed_before_it_ends_and_replaced_when_it_cannot_be() -> None:
    """No call begins with a secret that is about to end; all that is left is given back at the end."""
    clock = FakeClock()
    with small_vault() as vault:
        credentials = asking(vault, BY_TOKEN, clock, **DATABASE)
        assert "v-1:made-password-1" == await value(credentials, "read-only")
        clock.move(45)
        assert "v-1:made-password-1" == await value(credentials, "read-only")
        assert 1 == vault.count("sys/leases/renew")
        vault.renewal_s = 3
        clock.move(45)
        assert "v-2:made-password-2" == await value(credentials, "read-only")
        assert 2 == vault.count("sys/leases/renew")
        await credentials.aclose()
        assert ["database/creds/read-only/2"] == vault.revoked


async def test_short_lease_is_not_kept_longer_than_it_lasts() -> None:
    """The cache is bounded by the lease, not only by `keep_s`."""
    clock = FakeClock()
    with small_vault() as vault:
        vault.lease_s = vault.renewal_s = 10
        credentials = asking(vault, BY_TOKEN, clock, **DATABASE)
        await value(credentials, "read-only")
        clock.move(12)
        vault.renewal_s = 0
        assert "v-2:made-password-2" == await value(credentials, "read-only")
        await credentials.aclose()


async def test_role_logs_in_again_before_its_token_ends_and_when_it_was_revoked() -> None:
    """A worker outlives every token; leases end with the token that they were given to."""
    clock = FakeClock()
    with small_vault(tickets={"token": "the-token"}) as vault:
        credentials = asking(vault, BY_ROLE, clock, **KV)
        assert "the-token" == await value(credentials)
        clock.move(50)
        await value(credentials)
        assert 1 == vault.count("auth/approle/login")
        clock.move(50)
        await value(credentials)
        assert 2 == vault.count("auth/approle/login")
        vault.tokens.clear()
        clock.move(31)
        assert "the-token" == await value(credentials)
        assert 3 == vault.count("auth/approle/login")
        assert all(credentials.known(token) for token in vault.tokens), "tokens of the worker are hidden as well"
        await credentials.aclose()
        assert ("POST", "auth/token/revoke-self") == vault.asked[-1]


async def test_what_vault_refuses_or_does_not_have_is_told_without_its_words() -> None:
    """An answer may repeat the token: no error of ours quotes one."""
    clock = FakeClock()
    with small_vault(tickets={"other": "value-of-other"}) as vault:
        errors: list[ProctorError] = []
        for source, spoil in (
            (KV, "field"),
            ({"path": "none", "value": "{token}"}, "path"),
            (KV, "token"),
            (KV, "sealed"),
        ):
            vault.is_sealed = spoil == "sealed"
            vault.tokens = set() if spoil == "token" else {TOKEN}
            credentials = asking(vault, BY_TOKEN, clock, **source)
            with pytest.raises(ProctorError) as raised:
                await value(credentials)
            errors.append(raised.value)
            await credentials.aclose()
    assert [Unavailable, Unavailable, NotAuthorised, Unavailable] == [type(error) for error in errors]
    assert not any(TOKEN in repr(error) + error.diagnostics() for error in errors)
    assert "no field token" in errors[0].message
    assert "nothing at secret/data/none" in errors[1].message
    with pytest.raises(Unavailable, match="does not answer"):
        await value(asking(vault, BY_TOKEN, clock, **KV))


async def test_token_of_a_file_is_read_again_when_it_was_replaced(tmp_path: Path) -> None:
    """An agent of Vault writes a new one from time to time."""
    clock, path = FakeClock(), tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(TOKEN + "\n")
    with small_vault(tickets={"token": "the-token"}) as vault:
        credentials = asking(vault, {"token": {"kind": "file", "path": str(path)}}, clock, **KV)
        assert "the-token" == await value(credentials)
        vault.tokens = {"s.another-token-of-the-test"}
        path.write_text("s.another-token-of-the-test")
        clock.move(31)
        assert "the-token" == await value(credentials)
        await credentials.aclose()


async def test_vault_is_asked_at_its_address_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a proxy of the environment nor a redirect gets the token."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with small_vault(tickets={"token": "the-token"}) as vault:
        credentials = asking(vault, BY_TOKEN, FakeClock(), **KV)
        assert "the-token" == await value(credentials)
        await credentials.aclose()
