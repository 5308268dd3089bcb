"""Signing in at an issuer: what is asked of it, and every answer that lets nobody in."""

import base64
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from gateway.http.oidc import LARGEST_ANSWER, OidcVerifier
from gateway.http.oidc_client import OidcClient, Secrets, SignedIn
from proctor.contracts.errors import NotAuthorised, Unavailable
from tests.unit.gateway.fake_issuer import CLIENT, CODE, FakeIssuer

BACK = "https://proctor.example.org/login/oidc/callback"
SECRETS = Secrets(state="s" * 64, nonce="n" * 64, verifier="v" * 64)
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig"})


def client_of(idp: FakeIssuer, secret: str = "") -> OidcClient:
    """Make a client of an issuer."""
    return OidcClient(OidcVerifier(idp.url, CLIENT, idp.client), secret)


async def sign_in(idp: FakeIssuer, *, redeemed: Secrets = SECRETS, back: str = BACK, code: str = CODE) -> SignedIn:
    """Go there and come back."""
    client = client_of(idp)
    idp.begin(await client.address(BACK, SECRETS, is_again=False))
    return await client.redeem(code, back, redeemed)


async def test_the_browser_takes_state_nonce_and_challenge_along_and_never_the_verifier(idp: FakeIssuer) -> None:
    """Authorization code with S256; the query that an endpoint has already is kept (RFC 6749, 3.1)."""
    idp.says = {
        "authorization_endpoint": f"{idp.url}/authorize?tenant=7",
        "code_challenge_methods_supported": ["plain", "S256"],
    }
    address = await client_of(idp).address(BACK, SECRETS, is_again=False)
    asked = dict(parse_qsl(urlsplit(address).query))
    assert address.startswith(f"{idp.url}/authorize?tenant=7&")
    # The challenge of 64 times `v`, as `openssl dgst -sha256 -binary | basenc --base64url` gives it.
    assert {
        "tenant": "7",
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": BACK,
        "scope": "openid",
        "state": SECRETS.state,
        "nonce": SECRETS.nonce,
        "code_challenge": "w1TpKUdYE9hUAcNSeeSRFioHDxfUxuHho_JHAfZ_vDM",
        "code_challenge_method": "S256",
    } == asked
    assert SECRETS.verifier not in address


async def test_signing_in_again_asks_the_issuer_to_ask(idp: FakeIssuer) -> None:
    """`prompt=login` and `max_age=0`: the latter makes `auth_time` due."""
    asked = idp.begin(await client_of(idp).address(BACK, SECRETS, is_again=True))
    assert ("login", "0") == (asked["prompt"], asked["max_age"])


async def test_a_code_is_exchanged_for_the_subject(idp: FakeIssuer) -> None:
    """With the verifier of this browser; with several audiences, we must be the party that it was issued to."""
    signed_in = await sign_in(idp)
    assert SignedIn(f"{idp.url} u-1", None) == signed_in
    assert {"grant_type", "code", "redirect_uri", "code_verifier", "client_id"} == set(idp.form)
    idp.claims_said = {"aud": [CLIENT]}
    assert SignedIn(f"{idp.url} u-1", None) == await sign_in(idp)
    idp.claims_said = {"aud": [CLIENT, "other"], "azp": CLIENT, "auth_time": 1000}
    assert SignedIn(f"{idp.url} u-1", 1000.0) == await sign_in(idp)


@pytest.mark.parametrize(
    ("taken", "header", "fields"),
    [
        (None, True, set()),
        (["client_secret_post", "client_secret_basic"], True, set()),
        (["client_secret_post"], False, {"client_id", "client_secret"}),
        (["private_key_jwt"], True, set()),
    ],
)
async def test_a_confidential_client_shows_its_secret_as_the_issuer_takes_it(
    idp: FakeIssuer, taken: list[str] | None, header: bool, fields: set[str]
) -> None:
    """In the header, encoded as RFC 6749 (2.3.1) says, unless the issuer takes it in the form alone."""
    idp.says = {"token_endpoint_auth_methods_supported": taken} if taken else {}
    client = client_of(idp, "p:ss wörd")
    idp.begin(await client.address(BACK, SECRETS, is_again=False))
    await client.redeem(CODE, BACK, SECRETS)
    encoded = base64.b64encode(f"{CLIENT}:p%3Ass+w%C3%B6rd".encode()).decode()
    assert (f"Basic {encoded}" if header else "") == idp.authorization
    assert fields == {"client_id", "client_secret"} & set(idp.form)
    assert "p:ss" not in repr(client)


NOW = int(time.time())
BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "m" * 64},
    "no nonce": {"nonce": None},
    "a nonce that is no text": {"nonce": 7},
    "another audience": {"aud": "other"},
    "several audiences and no party": {"aud": [CLIENT, "other"]},
    "another party": {"azp": "other"},
    "another party of several": {"aud": [CLIENT, "other"], "azp": "other"},
    "another issuer": {"iss": "https://elsewhere.example"},
    "no subject": {"sub": None},
    "a subject with a space": {"sub": "u 1"},
    "expired": {"exp": NOW - 60},
    "no end": {"exp": None},
    "no beginning": {"iat": None},
    "issued tomorrow": {"iat": NOW + 86_400},
    "an odd time of signing in": {"auth_time": "now"},
}


@pytest.mark.parametrize("why", BAD_CLAIMS)
async def test_an_id_token_that_does_not_hold_lets_nobody_in(idp: FakeIssuer, why: str) -> None:
    """Each claim is checked, signed as it is by the issuer."""
    idp.claims_said = BAD_CLAIMS[why]
    with pytest.raises(NotAuthorised, match="token"):
        await sign_in(idp)


@pytest.mark.parametrize("kind", ["at+jwt", "application/at+jwt", "logout+jwt"])
async def test_a_token_of_another_kind_is_no_id_token(idp: FakeIssuer, kind: str) -> None:
    """An access token with all the claims of an ID token is none."""
    idp.header = {"typ": kind}
    with pytest.raises(NotAuthorised, match="of a kind"):
        await sign_in(idp)


async def test_a_key_of_somebody_else_signs_no_id_token(idp: FakeIssuer) -> None:
    """Under the id of the issuer's own key, and by the confusion of algorithms."""
    idp.key = STRANGER
    with pytest.raises(NotAuthorised, match="not signed by its issuer"):
        await sign_in(idp)
    idp.answer_said = httpx.Response(200, json={"id_token": idp.confused()})
    with pytest.raises(NotAuthorised, match="kind of key"):
        await sign_in(idp)


async def test_an_issuer_with_one_key_need_not_name_it(idp: FakeIssuer) -> None:
    """With two, it must (OIDC Core 10.1); and a key that it does not publish is none in either case."""
    idp.header = {"kid": None}
    with pytest.raises(NotAuthorised, match="does not publish"):
        await sign_in(idp)
    idp.published = [idp.rsa]
    assert f"{idp.url} u-1" == (await sign_in(idp)).subject
    idp.key = STRANGER
    with pytest.raises(NotAuthorised, match="not signed by its issuer"):
        await sign_in(idp)


async def test_a_code_is_good_with_the_verifier_and_address_that_it_was_begun_with(idp: FakeIssuer) -> None:
    """What another browser began, or for another address, ends at the issuer; so does a code that it never gave."""
    others = Secrets(state=SECRETS.state, nonce=SECRETS.nonce, verifier="w" * 64)
    with pytest.raises(NotAuthorised, match="did not take"):
        await sign_in(idp, redeemed=others)
    with pytest.raises(NotAuthorised, match="did not take"):
        await sign_in(idp, back="https://evil.test/login/oidc/callback")
    for code, why in (("other", "did not take"), ("", "no code"), ("x" * 5000, "no code")):
        with pytest.raises(NotAuthorised, match=why):
            await sign_in(idp, code=code)


WRONG_ANSWERS = {
    "a failure": httpx.Response(500, content=b"sorry"),
    "a failure in JSON": httpx.Response(500, json={"error": "server_error"}),
    "no JSON": httpx.Response(200, content=b"<html>"),
    "a list": httpx.Response(200, json=[]),
    "no ID token": httpx.Response(200, json={"access_token": "x"}),
    "an ID token that is no text": httpx.Response(200, json={"id_token": {}}),
    "too much": httpx.Response(200, json={"id_token": "x" * LARGEST_ANSWER}),
    "a redirect": httpx.Response(307, headers={"location": "https://evil.test/"}),
    "a client that it does not know": httpx.Response(401, json={"error": "invalid_client"}),
}


@pytest.mark.parametrize("what", WRONG_ANSWERS)
async def test_an_issuer_that_answers_wrongly_is_not_available(idp: FakeIssuer, what: str) -> None:
    """It is said as that, and is nobody's failed login; codes and secrets go nowhere else."""
    idp.answer_said = WRONG_ANSWERS[what]
    with pytest.raises(Unavailable, match="know this gateway" if "client" in what else "the OIDC issuer"):
        await sign_in(idp)
    assert {"id.example.org"} == idp.hosts


async def test_an_issuer_that_is_away_is_not_available(idp: FakeIssuer) -> None:
    """Neither before the way there nor on the way back."""
    client = client_of(idp)
    idp.begin(await client.address(BACK, SECRETS, is_again=False))
    idp.is_away = True
    with pytest.raises(Unavailable):
        await client.redeem(CODE, BACK, SECRETS)
    with pytest.raises(Unavailable):
        await client_of(idp).address(BACK, SECRETS, is_again=False)


@pytest.mark.parametrize(
    "says",
    [
        {"authorization_endpoint": "http://id.example.org/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://id.example.org/authorize#x"},
        {"authorization_endpoint": "https://user@id.example.org/authorize"},
        {"authorization_endpoint": "https://:secret@id.example.org/authorize"},
        {"authorization_endpoint": "https:///authorize"},
        {"authorization_endpoint": "ftp://127.0.0.1/authorize"},
        {"authorization_endpoint": 7},
        {"authorization_endpoint": "https://[id/authorize"},
        {"authorization_endpoint": None},
        {"code_challenge_methods_supported": ["plain"]},
        {"issuer": "https://elsewhere.example"},
    ],
)
async def test_an_issuer_whose_places_cannot_be_trusted_is_not_used(idp: FakeIssuer, says: dict[str, Any]) -> None:
    """Browsers and codes go over TLS alone, and without PKCE nobody is sent there."""
    idp.says = says
    with pytest.raises(Unavailable):
        await client_of(idp).address(BACK, SECRETS, is_again=False)


async def test_codes_go_over_tls_alone(idp: FakeIssuer) -> None:
    """The endpoint that takes them is looked at as the other one is."""
    idp.says = {"token_endpoint": "http://id.example.org/token"}
    with pytest.raises(Unavailable, match="token_endpoint"):
        await sign_in(idp)


async def test_an_answer_of_another_issuer_is_refused(idp: FakeIssuer) -> None:
    """`iss` is compared where it is there, and is due where the issuer says so (RFC 9207)."""
    client = client_of(idp)
    await client.check_sender(None)
    await client.check_sender(idp.url)
    with pytest.raises(NotAuthorised, match="not of our"):
        await client.check_sender("https://elsewhere.example")
    idp.says = {"authorization_response_iss_parameter_supported": True}
    with pytest.raises(NotAuthorised, match="not of our"):
        await client_of(idp).check_sender(None)
    await client_of(idp).check_sender(idp.url)


def test_only_an_issuer_that_says_when_is_believed_that_it_asked_again() -> None:
    """An `auth_time` before the sign-in was begun is an old one; one in the future is none."""
    since, now = datetime.now(UTC) - timedelta(seconds=60), time.time()
    said = {None: False, now: True, now - 50: True, now - 120: False, now + 600: False}
    assert said == {at: SignedIn("i s", at).is_fresh(since) for at in said}
