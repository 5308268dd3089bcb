"""Credentials of a worker: who may have which, from where, and that they show nowhere."""

import asyncio
import copy
import json
import pickle
from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from pydantic import ValidationError

from proctor.contracts.canonical import summarize
from proctor.contracts.credential_sources import CredentialsFile
from proctor.contracts.credentials import CredentialUse, Secret
from proctor.contracts.errors import (
    InvalidDocument,
    InvalidInput,
    NotAuthorised,
    ProctorError,
    Unavailable,
    UnknownName,
)
from proctor.contracts.ids import ToolName
from proctor.contracts.labels import Labels
from proctor.contracts.tool import Confirmed, Failed
from proctor.credentials.hiding import MIN_CHARS, SecretForms
from proctor.credentials.resolver import ScopedCredentials, names_of_environment
from proctor.documents.credentials import read_credentials
from proctor.tools.hiding import without_secrets

TOOL = ToolName("CreateTicket")
SECRET = 'canary "42" /+?&=\u00fc\n-----second line of the secret-----'


def of(source: dict[str, Any], environ: dict[str, str] | None = None, **more: Any) -> ScopedCredentials:
    file = CredentialsFile.model_validate({"credentials": {"it": {"source": source, "tools": [TOOL], **more}}})
    return ScopedCredentials(file, environ or {}, ring=lambda service, user: f"{service}-of-{user}")


def environment(value: str = SECRET, **more: Any) -> ScopedCredentials:
    return of({"kind": "environment", "name": "IT"}, {"IT": value}, **more)


async def resolve(credentials: ScopedCredentials, name: str = "it", scope: str = "", tool: str = TOOL) -> Secret:
    return await credentials.resolve(CredentialUse(name=name, scope=scope), ToolName(tool))


async def test_each_tool_has_what_it_is_named_for_and_nothing_else() -> None:
    """A contract asks; the worker's file decides."""
    credentials = environment(scopes=["read"])
    assert SECRET == (await resolve(credentials)).reveal()
    assert SECRET == (await resolve(credentials, scope="read")).reveal()
    for error, asked in (
        (NotAuthorised, {"tool": "Other"}),
        (NotAuthorised, {"scope": "write"}),
        (UnknownName, {"name": "other"}),
    ):
        with pytest.raises(error):
            await resolve(credentials, **asked)
    with pytest.raises(NotAuthorised):
        await resolve(environment(tools=[]))
    assert await resolve(environment(tools=["*"]), tool="Any")


async def test_credential_with_origins_goes_there_and_nowhere_else() -> None:
    """Another tool of the same name, which calls another place or none that can be told, does not get it."""
    credentials, use = environment(origins=["https://tickets.example", "http://[::1]:8080"]), CredentialUse(name="it")
    for origin in ("https://tickets.example", "http://[::1]:8080"):
        assert SECRET == (await credentials.resolve(use, TOOL, origin)).reveal()
    for origin in ("", "http://tickets.example", "https://tickets.example:8443", "https://x.tickets.example"):
        with pytest.raises(NotAuthorised, match="may not be sent to"):
            await credentials.resolve(use, TOOL, origin)


async def test_what_is_resolved_is_known_in_every_form_in_which_it_is_written() -> None:
    """Tools echo: raw, as JSON, percent-encoded, in base64 of a longer text."""
    credentials = environment()
    assert not credentials.known(SECRET)
    await resolve(credentials)
    raw = SECRET.encode()
    for text in (
        *(SECRET, json.dumps(SECRET), json.dumps({"a": SECRET}, ensure_ascii=False), json.dumps(json.dumps(SECRET))),
        *(
            quote(SECRET),
            quote(SECRET, safe=""),
            quote_plus(SECRET),
            quote(SECRET, safe="").lower(),
            repr(SECRET),
            raw.hex(),
            raw.hex().upper(),
        ),
        *(
            b64encode(prefix + raw + suffix).decode()
            for prefix in (b"", b"u:", b"usr", b"user:")
            for suffix in (b"", b"x")
        ),
        *(urlsafe_b64encode(prefix + raw).decode() for prefix in (b"", b"ab", b"abcd:")),
        "-----second line of the secret-----",
    ):
        assert credentials.known(f"before {text} after"), text
        assert not credentials.known(credentials.hide(f"before {text} after")), text
    assert "before *** after" == credentials.hide(f"before {SECRET} after")
    assert "nothing here" == credentials.hide("nothing here")


async def test_password_of_a_pair_is_hidden_by_itself() -> None:
    """`user:password` travels as Basic, and servers repeat one half."""
    credentials = environment("somebody:correct-horse")
    await resolve(credentials)
    assert "somebody and ***" == credentials.hide("somebody and correct-horse")


async def test_nothing_shows_or_carries_a_secret() -> None:
    """Neither repr nor pickle nor copy nor JSON."""
    credentials = environment()
    secret = await resolve(credentials)
    file = CredentialsFile.model_validate({})
    for thing in (secret, credentials, credentials._forms):
        assert "canary" not in repr(thing) + str(thing) + f"{thing}"
        for carry in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
            with pytest.raises(TypeError):
                carry(thing)
    with pytest.raises(ValidationError):
        CredentialUse.model_validate({"name": secret})
    assert "canary" not in repr(vars(file))


async def test_errors_hold_no_secret(tmp_path: Path) -> None:
    """Nor does what they were raised from."""
    path = tmp_path / "secret"
    path.write_bytes(b"canary-\xff-bytes")
    path.chmod(0o600)
    errors: list[BaseException] = []
    for credentials in (
        of({"kind": "file", "path": str(path)}),
        environment("tiny"),
        of({"kind": "environment", "name": "NOT_SET"}),
        of({"kind": "file", "path": str(tmp_path / "none")}),
    ):
        with pytest.raises(ProctorError) as raised:
            await resolve(credentials)
        errors.append(raised.value)
    assert [Unavailable, InvalidInput, Unavailable, Unavailable] == [type(error) for error in errors]
    assert not any("canary" in repr(error) + repr(error.__cause__) or "tiny" in str(error) for error in errors)


@pytest.mark.parametrize(
    ("mode", "is_fine"), [(0o600, True), (0o400, True), (0o440, True), (0o644, False), (0o660, False), (0o602, False)]
)
async def test_file_that_others_can_read_is_refused(tmp_path: Path, mode: int, is_fine: bool) -> None:
    """A secret that everybody on the machine has is none."""
    path = tmp_path / "secret"
    path.write_text("file-secret\n")
    path.chmod(mode)
    credentials = of({"kind": "file", "path": str(path)})
    if is_fine:
        assert "file-secret" == (await resolve(credentials)).reveal()
        return
    with pytest.raises(Unavailable, match="open to others"):
        await resolve(credentials)


async def test_keyring_is_asked_by_service_and_user() -> None:
    """Through the package, which is imported when it is first needed."""
    source = {"kind": "keyring", "service": "tickets", "user": "proctor"}
    assert "tickets-of-proctor" == (await resolve(of(source))).reveal()

    def broken(service: str, user: str) -> str:
        raise RuntimeError("the ring says canary-secret")

    file = CredentialsFile.model_validate({"credentials": {"it": {"source": source, "tools": [TOOL]}}})
    with pytest.raises(Unavailable) as raised:
        await resolve(ScopedCredentials(file, {}, ring=broken))
    assert "canary" not in repr(raised.value)


async def test_many_calls_at_once_ask_the_source_once() -> None:
    """And what is kept is used again until its time is over."""
    asked: list[str] = []
    moment = [datetime(2026, 1, 1, tzinfo=UTC)]

    def ring(service: str, user: str) -> str:
        asked.append(user)
        return "ring-secret"

    source = {"kind": "keyring", "service": "s", "user": "u"}
    file = CredentialsFile.model_validate({"credentials": {"it": {"source": source, "tools": [TOOL], "keep_s": 60}}})
    credentials = ScopedCredentials(file, {}, ring=ring, now=lambda: moment[0])
    await asyncio.gather(*(resolve(credentials) for _ in range(20)))
    assert ["u"] == asked
    moment[0] = moment[0].replace(minute=2)
    await resolve(credentials)
    assert ["u", "u"] == asked


def test_old_secrets_are_forgotten_after_many() -> None:
    """A worker that runs for months does not grow without bound."""
    forms = SecretForms()
    for number in range(4100):
        forms.add(f"secret-number-{number:06d}")
    assert [False, True] == [forms.known("secret-number-000001"), forms.known("secret-number-004099")]


def test_variables_that_hold_credentials_are_named() -> None:
    """No tool reads them as a setting."""
    own = {"kind": "environment", "name": "ROLE"}
    vault = {"address": "https://v", "approle": {"role_id": own, "secret_id": {"kind": "environment", "name": "SID"}}}
    it = {"source": {"kind": "environment", "name": "IT"}}
    assert {"IT", "ROLE", "SID"} == names_of_environment(
        CredentialsFile.model_validate({"credentials": {"it": it}, "vault": vault})
    )


GOOD = """
credentials:
  tickets-token:
    source: {kind: environment, name: TICKETS_TOKEN}
    tools: [CreateTicket]
  database:
    source: {kind: vault, engine: dynamic, mount: database, path: "creds/{scope}", value: "{username}:{password}"}
    tools: [CreateTicket]
    scopes: [read-only]
vault:
  address: https://vault.internal:8200
  token: {kind: file, path: /run/secrets/vault-token}
"""


def test_document_is_read(tmp_path: Path) -> None:
    """It names sources and holds no secret."""
    path = tmp_path / "credentials.yaml"
    path.write_text(GOOD)
    assert {"tickets-token", "database"} == set(read_credentials(path).credentials)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("tools: [CreateTicket]\n  database", "tools: []\n  database", "no tool may have tickets-token"),
        ("scopes: [read-only]", "scopes: []", "allows none"),
        ("https://vault.internal:8200", "http://vault.internal:8200", "not https"),
        ("https://vault.internal:8200", "https://u:p@vault.internal", "not https"),
        ("  token: {kind: file, path: /run/secrets/vault-token}\n", "", "token"),
        (
            "vault:\n  address: https://vault.internal:8200\n  token: {kind: file, path: /run/secrets/vault-token}\n",
            "",
            "no Vault",
        ),
        ("tickets-token", "Tickets_Token", "not a name"),
        ("    scopes:", "    origins: ['https://db.example:443']\n    scopes:", "its scheme's own port"),
        ("    scopes:", "    origins: [db.example]\n    scopes:", "origins"),
        ("creds/{scope}", "creds/{other}", "cannot be used"),
        ("creds/{scope}", "creds/../sys/{scope}", "cannot be used"),
        ("name: TICKETS_TOKEN", "name: TICKETS_TOKEN, value: secret", "value"),
    ],
)
def test_mistake_in_the_document_is_told_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    """Before any tool is called."""
    path = tmp_path / "credentials.yaml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(InvalidDocument, match=said):
        read_credentials(path)


def test_secret_that_holds_another_is_hidden_whole() -> None:
    """Whichever was resolved first: what is left of the longer one would be a part of it."""
    short, long, after = "hunter2secret", "hunter2secret-and-more-of-it", "more-of-it-and-another"
    forms = SecretForms()
    for secret in (short, long, after):
        forms.add(secret)
    assert "a *** b *** c" == forms.hide(f"a {long} b {short} c")
    assert "a *** b" == forms.hide(f"a {short}-and-{after} b")


def test_secret_that_was_cut_where_a_text_was_shortened_is_hidden() -> None:
    """Errors are shortened before they are searched: half a token is enough to be found by."""
    secret = "sk_live_0123456789abcdefghijklmnopqrstuvwxyz"
    forms = SecretForms()
    forms.add(secret)
    for limit in range(MIN_CHARS + len("token ") + 1, 60):
        assert secret[:MIN_CHARS] not in forms.hide(f"{summarize(f'token {secret} is not one of ours', limit)}; end")
    assert "see sk…" == forms.hide("see sk…")
    assert "secret of sk_live_0" == forms.hide("secret of sk_live_0"), "only where something was cut"


def test_secret_that_was_cut_at_its_beginning_is_hidden() -> None:
    """Of a process the last words are told, which may begin anywhere."""
    secret = "sk_live_0123456789abcdefghijklmnopqrstuvwxyz"
    forms = SecretForms()
    forms.add(secret)
    for first in range(1, len(secret) - MIN_CHARS + 1):
        assert "said: …*** is wrong" == forms.hide(f"said: …{secret[first:]} is wrong")
    assert "…vwxyz" == forms.hide("…vwxyz")
    assert "uvwxyz" == forms.hide("uvwxyz"), "only where something was cut"


def test_secret_with_white_space_is_hidden_in_one_line() -> None:
    """Errors are one line, whatever they are about."""
    forms = SecretForms()
    forms.add("correct  horse\tbattery")
    assert "HTTP 401: *** is wrong" == forms.hide(summarize("HTTP 401:\n correct  horse\tbattery is wrong"))


def test_cut_secret_is_hidden_in_an_outcome() -> None:
    """Although no whole secret is in it."""
    credentials = environment("sk_live_0123456789abcdefghijklmnopqrstuvwxyz")
    asyncio.run(resolve(credentials))
    error = summarize("HTTP 401: sk_live_0123456789abcdefghijklmnopqrstuvwxyz is no key", 30)
    assert Failed(error="HTTP 401: ***…") == without_secrets(Failed(error=error), credentials)
    shown = Confirmed(result={"_preview": "key sk_live_012…"}, labels=Labels())
    assert {"_preview": "key ***…"} == without_secrets(shown, credentials).model_dump()["result"]
