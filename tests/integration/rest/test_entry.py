"""Who gets in: tokens, API keys and OIDC, over a real socket."""

import base64
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from joserfc.jwk import RSAKey

from proctor.contracts.human import Principal, Role
from tests.integration.rest.issuer import AUDIENCE, Issuer, issuer
from tests.integration.rest.site import Site, name_of, open_site

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNER = Principal(name=name_of(Role.OWNER), roles=frozenset({Role.OWNER}))


class Clock:
    """Time as the verifier sees it."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def idp() -> Iterator[Issuer]:
    """Serve an issuer."""
    with issuer() as serving:
        yield serving


@pytest.fixture(scope="module")
def clock() -> Clock:
    """Stop the verifier's clock."""
    return Clock()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def oidc_site(site_dsn: str, idp: Issuer, clock: Clock) -> AsyncIterator[Site]:
    """Serve a gateway that takes the issuer's tokens; `u-1` is the requester."""
    environ = {"PROCTOR_OIDC_ISSUER": idp.url, "PROCTOR_OIDC_AUDIENCE": AUDIENCE}
    async with open_site(site_dsn, environ, clock=clock) as opened:
        await opened.store.identities.link("oidc", f"{idp.url} u-1", name_of(Role.REQUESTER), OWNER)
        yield opened


async def _status(site: Site, credential: str) -> int:
    answer = await site.client.get("/v1/me", headers={"authorization": f"Bearer {credential}"})
    assert credential[:40] not in answer.text
    return answer.status_code


async def test_an_api_key_lets_in_with_its_scope_until_it_is_revoked(oidc_site: Site) -> None:
    """Made over REST, shown once, listed without its secret, dead at once."""
    made = await oidc_site.ask("POST", "/api-keys", by=name_of(Role.OWNER), json={"label": "ci", "for_s": 60})
    token, key = made.json()["token"], made.json()["key"]
    assert 200 == await _status(oidc_site, token)
    assert 401 == await _status(oidc_site, token[:-1] + ("A" if token[-1] != "A" else "B"))
    assert 401 == await _status(oidc_site, f"pk_{key['id']}_")
    listed = await oidc_site.ask("GET", "/api-keys", by=name_of(Role.OWNER))
    assert token.split("_", 2)[2] not in listed.text
    await oidc_site.ask("POST", f"/api-keys/{key['id']}/revocation", by=name_of(Role.OWNER))
    assert 401 == await _status(oidc_site, token)


async def test_an_expired_api_key_lets_nobody_in(oidc_site: Site, site_dsn: str) -> None:
    """The database's clock says so."""
    made = (await oidc_site.ask("POST", "/api-keys", by=name_of(Role.AUDITOR), json={})).json()
    assert 200 == await _status(oidc_site, made["token"])
    with psycopg.connect(site_dsn) as connection:
        connection.execute("UPDATE proctor.api_key SET expires_at = now() WHERE id = %s", (made["key"]["id"],))
    assert 401 == await _status(oidc_site, made["token"])


async def test_a_token_of_the_issuer_is_the_principal_that_its_subject_is_linked_to(
    oidc_site: Site, idp: Issuer
) -> None:
    """Both algorithms, and every form of audience and type that standards know."""
    tokens = [idp.token(), idp.token(idp.ec), idp.token(aud=["other", AUDIENCE]), idp.token(header={"typ": "at+jwt"})]
    for token in [*tokens, idp.token(header={"typ": None}), idp.token(nbf=None, iat=None)]:
        answer = await oidc_site.client.get("/v1/me", headers={"authorization": f"Bearer {token}"})
        assert name_of(Role.REQUESTER) == answer.json()["name"], answer.text


def _unsigned(idp: Issuer, algorithm: str) -> str:
    def part(content: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    return f"{part({'alg': algorithm, 'kid': 'rsa-1', 'typ': 'JWT'})}.{part(idp.claims())}."


def _bad_tokens(idp: Issuer) -> dict[str, str]:
    now, good = int(time.time()), idp.token()
    head, body, signature = good.split(".")
    stranger = RSAKey.generate_key(2048, {"kid": "rsa-1"})
    unknown = RSAKey.generate_key(2048, {"kid": "rsa-9"})
    return {
        "another key with the same id": idp.token(stranger),
        "a key that is not published": idp.token(unknown),
        "no key id": idp.token(header={"kid": None}),
        "the algorithm none": _unsigned(idp, "none"),
        "no signature": _unsigned(idp, "RS256"),
        "HS256 with the public key": idp.confused(),
        "a body that was changed": f"{head}.{idp.token(sub='u-2').split('.')[1]}.{signature}",
        "a signature that was cut": f"{head}.{body}.{signature[:-8]}",
        "another kind of token": idp.token(header={"typ": "dpop+jwt"}),
        "an EC key's id over an RSA signature": idp.token(header={"kid": "ec-1"}),
        "another issuer": idp.token(iss="https://elsewhere.example"),
        "another audience": idp.token(aud="other"),
        "no audience": idp.token(aud=None),
        "an expired token": idp.token(exp=now - 60),
        "no expiry": idp.token(exp=None),
        "an expiry that is no number": idp.token(exp=True),
        "not before later": idp.token(nbf=now + 120),
        "issued later": idp.token(iat=now + 120),
        "no subject": idp.token(sub=None),
        "an empty subject": idp.token(sub=""),
        "a subject that nobody is linked to": idp.token(sub="u-2"),
        "a subject that would run on": idp.token(sub="x u-1"),
        "an oversize token": idp.token(padding="x" * 9000),
        "no token": "a.b.c",
    }


async def test_every_bad_token_of_an_issuer_lets_nobody_in(oidc_site: Site, idp: Issuer) -> None:
    """Signature, key, algorithm, type, each claim, the subject: one that is wrong is enough."""
    let_in = {why: await _status(oidc_site, token) for why, token in _bad_tokens(idp).items()}
    assert {} == {why: status for why, status in let_in.items() if status != 401}


async def test_a_rotated_key_is_fetched_once_and_unknown_ids_ask_the_issuer_seldom(
    oidc_site: Site, idp: Issuer, clock: Clock
) -> None:
    """Rotation works without a restart; a flood of invented ids is no flood at the issuer."""
    assert 200 == await _status(oidc_site, idp.token())
    clock.now += 60
    fresh = RSAKey.generate_key(2048, {"kid": "rsa-2", "use": "sig"})
    idp.published, before = [fresh], len(idp.asked)
    for n in range(5):
        unknown = RSAKey.import_key(fresh.as_dict(private=True), {"kid": f"invented-{n}"})
        assert 401 == await _status(oidc_site, idp.token(unknown))
    assert 200 == await _status(oidc_site, idp.token(fresh))
    assert 401 == await _status(oidc_site, idp.token())  # the old key is published no more
    assert 2 == len(idp.asked) - before


async def test_keys_stay_in_use_for_a_while_when_the_issuer_is_away(oidc_site: Site, idp: Issuer, clock: Clock) -> None:
    """A short absence locks nobody out; after a long one nobody is believed, and the answer is 503."""
    clock.now += 20
    assert 401 == await _status(oidc_site, idp.token(RSAKey.generate_key(2048, {"kid": "any"})))
    known = idp.published[0]
    idp.is_away = True
    clock.now += 1200
    assert 200 == await _status(oidc_site, idp.token(known))
    clock.now += 3600
    assert 503 == await _status(oidc_site, idp.token(known))
    idp.is_away, idp.claimed = False, "https://elsewhere.example"
    clock.now += 60
    assert 503 == await _status(oidc_site, idp.token(known))
    idp.claimed, idp.padding = "", 300_000
    clock.now += 60
    assert 503 == await _status(oidc_site, idp.token(known))
    idp.padding = 0
    clock.now += 60
    assert 200 == await _status(oidc_site, idp.token(known))


async def test_a_disabled_principal_is_locked_out_by_every_way(oidc_site: Site, idp: Issuer, site_dsn: str) -> None:
    """Token, API key and OIDC end together, with the next request."""
    name = name_of(Role.REQUESTER)
    key = (await oidc_site.ask("POST", "/api-keys", by=name, json={})).json()["token"]
    ways = [key, f"token-of-{name}", idp.token(idp.published[0])]
    assert [200, 200, 200] == [await _status(oidc_site, way) for way in ways]
    with psycopg.connect(site_dsn) as connection:
        connection.execute("UPDATE proctor.principal SET disabled_at = now() WHERE name = %s", (name,))
    assert [401, 401, 401] == [await _status(oidc_site, way) for way in ways]


async def test_credentials_of_odd_forms_are_refused_without_an_error(oidc_site: Site) -> None:
    """Nothing that a header can carry breaks the door."""
    for header in (
        "Bearer",
        "Basic eDp5",
        "Bearer pk_",
        "Bearer pk__",
        f"Bearer {'x' * 9000}",
        "Bearer a b",
    ):
        answer = await oidc_site.client.get("/v1/me", headers={"authorization": header})
        assert 401 == answer.status_code, header
        assert 'Bearer realm="proctor"' == answer.headers["www-authenticate"]
