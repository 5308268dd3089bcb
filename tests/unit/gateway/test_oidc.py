"""Which keys of an issuer are believed, for how long, and what of a token is read before its signature."""

import asyncio
import base64
import json
from typing import Any

import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, RSAKey

from gateway.http.oidc import FRESH_S, STALE_S, OidcVerifier
from proctor.contracts.errors import NotAuthorised, Unavailable
from tests.integration.rest.issuer import AUDIENCE
from tests.unit.gateway.fake_issuer import FakeIssuer


class FakeKey:
    """Is published as a test says."""

    def __init__(self, said: Any) -> None:
        self.said = said

    def as_dict(self, *, private: bool) -> Any:
        assert not private
        return self.said


class FakeClock:
    """Stands until a test moves it."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    """Make a clock."""
    return FakeClock()


@pytest.fixture
def verifier(idp: FakeIssuer, clock: FakeClock) -> OidcVerifier:
    """Make a verifier that has asked nothing yet."""
    return OidcVerifier(idp.url, AUDIENCE, idp.client, clock)


def unsigned(**header: Any) -> str:
    """Write a token that nobody signed."""
    parts = ({"alg": "RS256", "kid": "rsa-1", "typ": "JWT", **header}, {})
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts) + ".AAAA"


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"kid": 7}, "of a kind"),
        ({"kid": ["rsa-1"]}, "of a kind"),
        ({"typ": 7}, "of a kind"),
        ({"crit": ["x"]}, "of a kind"),
        ({"alg": ["RS256"]}, "kind of key"),
        ({"alg": "RS512"}, "kind of key"),
        ({}, "not signed"),
    ],
)
async def test_an_odd_header_is_no_error_of_ours(verifier: OidcVerifier, header: dict[str, Any], why: str) -> None:
    """Whoever is not signed in yet writes it; extensions that must be understood are not (RFC 7515, 4.1.11)."""
    with pytest.raises(NotAuthorised, match=why):
        await verifier.claims_of(unsigned(**header))


async def test_one_of_several_audiences_may_be_us_and_times_are_numbers(
    verifier: OidcVerifier, idp: FakeIssuer
) -> None:
    """A text that begins with our name is another name; neither true nor infinity is a time."""
    assert "u-1" == (await verifier.claims_of(idp.token(aud=["other", AUDIENCE])))["sub"]
    with pytest.raises(NotAuthorised, match="not for us"):
        await verifier.claims_of(idp.token(aud=f"{AUDIENCE}-of-others"))
    for name, value in (("nbf", True), ("exp", 1e300), ("exp", float("inf"))):
        with pytest.raises(NotAuthorised, match=f"no usable {name}|not signed"):
            await verifier.claims_of(idp.token(**{name: value}))


@pytest.mark.parametrize("subject", [7, "", "u\n1", "u 1", ["u-1"]])
async def test_a_subject_is_one_word_that_can_be_printed(verifier: OidcVerifier, idp: FakeIssuer, subject: Any) -> None:
    """It stands behind the issuer in the name by which people are linked."""
    with pytest.raises(NotAuthorised, match="no subject"):
        await verifier.claims_of(idp.token(sub=subject))


async def test_neither_a_token_that_is_too_long_nor_one_of_another_key_is_believed(
    verifier: OidcVerifier, idp: FakeIssuer
) -> None:
    """A key is for one algorithm, whatever the header says."""
    with pytest.raises(NotAuthorised, match="too long"):
        await verifier.claims_of(idp.token(padding="x" * 9000))
    for key, other in ((idp.rsa, "ec-1"), (idp.ec, "rsa-1")):
        with pytest.raises(NotAuthorised, match="not signed by its issuer"):
            await verifier.claims_of(idp.token(key, {"kid": other}))


async def test_a_key_that_may_not_sign_tokens_signs_none_and_spoils_no_other(idp: FakeIssuer) -> None:
    """For another use or algorithm, on another curve, too short, without a name, or no key at all."""
    with pytest.warns(SecurityWarning, match="2048"):
        short = RSAKey.generate_key(1024, {"kid": "short"})
    curve = ECKey.generate_key("P-384", {"kid": "curve"})
    public, point = idp.rsa.as_dict(private=False), idp.ec.as_dict(private=False)
    nameless = {name: value for name, value in public.items() if name != "kid"}
    odd = [
        *({**public, "kid": "enc", "use": "enc"}, {**public, "kid": "alg", "alg": "RS512"}, nameless),
        *({**point, "kid": "ec-alg", "alg": "ES384"}, {"kid": "none"}, "x", None, {**public, "kid": 7}),
    ]
    idp.published = [*map(FakeKey, odd), short, curve, idp.rsa]
    verifier = OidcVerifier(idp.url, AUDIENCE, idp.client)
    with pytest.warns(SecurityWarning, match="2048"):
        assert "u-1" == (await verifier.claims_of(idp.token()))["sub"]
    for kid in ("enc", "alg", "short", "none"):
        with pytest.raises(NotAuthorised, match="does not publish"):
            await verifier.claims_of(unsigned(kid=kid))
    for kid in ("ec-alg", "curve"):
        with pytest.raises(NotAuthorised, match="does not publish"):
            await verifier.claims_of(unsigned(kid=kid, alg="ES256"))


@pytest.mark.parametrize("keys", ["http://id.example.org/keys", "ftp://127.0.0.1/keys"])
async def test_keys_come_over_tls_alone(verifier: OidcVerifier, idp: FakeIssuer, keys: str) -> None:
    """Who sits in between would publish their own."""
    idp.says = {"jwks_uri": keys}
    with pytest.raises(Unavailable):
        await verifier.claims_of(idp.token())


async def test_what_an_issuer_says_with_an_error_is_not_believed(verifier: OidcVerifier, idp: FakeIssuer) -> None:
    """Nor is it asked again at once."""
    idp.status = 500
    for _ in range(3):
        with pytest.raises(Unavailable):
            await verifier.metadata()
    assert 1 == len(idp.asked)


async def test_what_an_issuer_said_is_used_for_a_while_without_it_and_asked_for_once_by_all(
    verifier: OidcVerifier, idp: FakeIssuer, clock: FakeClock
) -> None:
    """Ten minutes without asking, an hour where it does not answer."""
    await asyncio.gather(*(verifier.claims_of(idp.token()) for _ in range(5)), verifier.metadata())
    clock.now += FRESH_S
    await verifier.claims_of(idp.token())
    assert 2 == len(idp.asked)
    clock.now += 1
    await verifier.claims_of(idp.token())
    assert 4 == len(idp.asked)
    idp.is_away = True
    clock.now += STALE_S
    assert idp.url == (await verifier.metadata())["issuer"]
    clock.now += 1
    with pytest.raises(Unavailable):
        await verifier.metadata()
    with pytest.raises(Unavailable):
        await verifier.claims_of(idp.token())
