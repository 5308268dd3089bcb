"""The client of tools over real sockets: it connects to the address that was checked, and to nothing else."""

import gzip
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from proctor.contracts.egress import EgressEntry
from proctor.contracts.errors import EgressDenied
from proctor.tools.egress.client import MAX_WHOLE_BYTES, EgressClient, RequestDenied
from tests.integration.tools.servers import answering, serving

HERE = ["127.0.0.0/8"]


class FakeResolver:
    """Answers as told, one list for each question, and counts the questions."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        if not self.answers:
            raise socket.gaierror(-2, "Name or service not known")
        return self.answers.pop(0)


def here(port: int, host: str = "kb.test", **more: object) -> EgressEntry:
    return EgressEntry.model_validate({"scheme": "http", "host": host, "port": port, "cidrs": HERE, **more})


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


async def test_connection_goes_to_the_checked_address_and_nobody_asks_twice() -> None:
    """Rebinding: what the name would resolve to the second time does not matter."""
    resolver = FakeResolver(["127.0.0.1"], ["169.254.169.254"])
    async with serving(answering(200, {"ok": True})) as server:
        port = port_of(server.url)
        async with EgressClient([here(port)], resolver=resolver) as client:
            answer = await client.get(f"http://kb.test:{port}/x")
    assert (200, 1) == (answer.status_code, resolver.asked)
    assert f"kb.test:{port}" == server.header("Host")


@pytest.mark.parametrize("bad", ["169.254.169.254", "10.0.0.1", "::ffff:127.0.0.1", "93.184.216.34", "nope"])
async def test_one_address_outside_the_entry_and_nothing_is_sent(bad: str) -> None:
    """Not even to the address that was fine."""
    async with serving(answering(200, {})) as server:
        port = port_of(server.url)
        async with EgressClient([here(port)], resolver=FakeResolver(["127.0.0.1", bad])) as client:
            with pytest.raises(EgressDenied):
                await client.get(f"http://kb.test:{port}/")
    assert [] == server.heads


async def test_unlisted_place_is_denied_before_its_name_is_resolved() -> None:
    """A look-up is a message too: a name can carry data."""
    resolver = FakeResolver(["127.0.0.1"])
    async with EgressClient([here(80)], resolver=resolver) as client:
        for url in (
            *(
                "http://evil.test/",
                "http://secret-data.kb.test/",
                "https://kb.test/",
                "http://kb.test:81/",
                "http://127.0.0.1/",
            ),
            *(
                "http://u@kb.test/",
                "http://kb.test\\@evil.test/",
                " http://kb.test/",
                "http://kb.test./",
                "http://\u212ab.test/",
            ),
        ):
            with pytest.raises(RequestDenied) as denied:
                await client.get(url)
            assert isinstance(denied.value, httpx.TransportError), "whoever knows httpx's errors only is told too"
    assert 0 == resolver.asked


async def test_no_entries_deny_everything() -> None:
    """The default."""
    async with EgressClient([]) as client:
        with pytest.raises(RequestDenied, match="no entry"):
            await client.get("https://example.com/")


async def test_host_header_and_name_for_tls_cannot_name_another_host() -> None:
    """A front that serves many names would be asked for one that no entry has."""
    async with serving(answering(200, {})) as server:
        port = port_of(server.url)
        async with EgressClient([here(port)], resolver=FakeResolver(["127.0.0.1"])) as client:
            with pytest.raises(RequestDenied, match="Host header"):
                await client.get(f"http://kb.test:{port}/", headers={"Host": "evil.test"})
            with pytest.raises(RequestDenied, match="TLS"):
                await client.get(f"http://kb.test:{port}/", extensions={"sni_hostname": "evil.test"})
    assert [] == server.heads


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy would resolve the name once more, and decide where to connect. A `.netrc` would hand out passwords."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(answering(200, {})) as server:
        port = port_of(server.url)
        async with EgressClient([here(port)], resolver=FakeResolver(["127.0.0.1"])) as client:
            assert 200 == (await client.get(f"http://kb.test:{port}/")).status_code


async def test_netrc_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password for a host is a credential that no contract declares."""
    (tmp_path / ".netrc").write_text("machine kb.test login me password word\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with serving(answering(200, {})) as server:
        port = port_of(server.url)
        async with EgressClient([here(port)], resolver=FakeResolver(["127.0.0.1"])) as client:
            await client.get(f"http://kb.test:{port}/")
    assert server.header("Authorization") is None


async def test_redirect_is_an_answer_unless_it_is_followed() -> None:
    """The default follows nothing."""
    async with serving(answering(302, None, Location="http://evil.test/")) as server:
        port = port_of(server.url)
        resolver = FakeResolver(["127.0.0.1"], ["127.0.0.1"])
        async with EgressClient([here(port)], resolver=resolver) as client:
            assert 302 == (await client.get(f"http://kb.test:{port}/")).status_code
            with pytest.raises(RequestDenied, match="no entry"):
                await client.get(f"http://kb.test:{port}/", follow_redirects=True)
    assert 2 == len(server.heads)


async def test_followed_redirect_is_judged_again_and_leaves_credentials_behind() -> None:
    """Another origin that an entry names gets the request and none of its secrets."""
    async with serving(answering(200, {"ok": True})) as second:
        there = f"http://wiki.test:{port_of(second.url)}/x"
        async with serving(answering(302, None, Location=there)) as first:
            entries = [here(port_of(first.url)), here(port_of(second.url), "wiki.test")]
            async with EgressClient(entries, resolver=FakeResolver(["127.0.0.1"], ["127.0.0.1"])) as client:
                answer = await client.get(
                    f"http://kb.test:{port_of(first.url)}/",
                    headers={"Authorization": "Bearer s", "Cookie": "a=b", "X-Api-Key": "k", "Accept": "text/html"},
                    follow_redirects=True,
                )
    assert (200, "text/html") == (answer.status_code, second.header("Accept"))
    assert [None] * 3 == [second.header(name) for name in ("Authorization", "Cookie", "X-Api-Key")]
    assert f"wiki.test:{port_of(second.url)}" == second.header("Host")


async def test_redirects_are_counted_and_effects_are_not_redirected() -> None:
    """A ring of redirects ends; a POST is not repeated at another place."""
    async with serving(answering(307, None, Location="/again?")) as server:
        port = port_of(server.url)
        resolver = FakeResolver(*[["127.0.0.1"]] * 9)
        async with EgressClient([here(port)], resolver=resolver) as client:
            with pytest.raises(RequestDenied, match="itself"):
                await client.get(f"http://kb.test:{port}/", follow_redirects=True)
            with pytest.raises(RequestDenied, match="POST"):
                await client.post(f"http://kb.test:{port}/", follow_redirects=True)
    async with serving(answering(302, None, Location="a/")) as server:
        port = port_of(server.url)
        async with EgressClient([here(port)], resolver=FakeResolver(*[["127.0.0.1"]] * 9)) as client:
            with pytest.raises(RequestDenied, match="more than 5"):
                await client.get(f"http://kb.test:{port}/", follow_redirects=True)
        assert 6 == len(server.heads)


async def test_name_that_does_not_resolve_is_no_denial() -> None:
    """It may pass, and httpx's own error says so."""
    async with EgressClient([here(80)], resolver=FakeResolver()) as client:
        with pytest.raises(httpx.ConnectError, match="does not resolve"):
            await client.get("http://kb.test/")


async def test_entries_with_other_networks_share_no_connection() -> None:
    """A connection that was checked for one entry is not used for another that means other addresses."""
    resolver = FakeResolver(["127.0.0.1"], ["127.0.0.1"])
    async with serving(answering(200, {})) as server:
        port = port_of(server.url)
        other = here(port, path_prefix="/b", cidrs=["127.9.0.0/16"])
        async with EgressClient([here(port, path_prefix="/a"), other], resolver=resolver) as client:
            assert 200 == (await client.get(f"http://kb.test:{port}/a")).status_code
            with pytest.raises(RequestDenied, match="none of the entry's networks"):
                await client.get(f"http://kb.test:{port}/b")


async def test_certificate_is_for_the_name_and_not_for_the_address(tmp_path: Path) -> None:
    """TLS is spoken with the name of the URL, whatever address it was pinned to."""
    context, trust = certificate_for("kb.test", tmp_path)
    async with serving(answering(200, {"ok": True}), context) as server:
        port = port_of(server.url)
        entries = [here(port, scheme="https"), here(port, "wiki.test", scheme="https")]
        resolver = FakeResolver(["127.0.0.1"], ["127.0.0.1"])
        async with EgressClient(entries, resolver=resolver, verify=trust) as client:
            assert 200 == (await client.get(f"https://kb.test:{port}/")).status_code
            with pytest.raises(httpx.ConnectError, match=r"wiki\.test"):
                await client.get(f"https://wiki.test:{port}/")


def certificate_for(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate that signs itself; gives the contexts of the server and of whoever trusts it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(encoded + made.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    trust = ssl.create_default_context(cafile=str(path))
    return server, trust


@pytest.mark.parametrize("target", [b"/admin", b"http://evil.test/"])
async def test_request_line_names_what_was_judged(target: bytes) -> None:
    """The transport knows an extension that would send another target than the URL: not past the path prefix."""
    async with serving(answering(200, {})) as server:
        port = port_of(server.url)
        async with EgressClient([here(port, path_prefix="/v1")], resolver=FakeResolver(["127.0.0.1"])) as client:
            with pytest.raises(RequestDenied):
                await client.get(f"http://kb.test:{port}/v1/a", extensions={"target": target})
    assert [] == server.heads


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (bytes(MAX_WHOLE_BYTES + 1), {}, httpx.ReadError),
        (gzip.compress(bytes(4 * MAX_WHOLE_BYTES)), {"Content_Encoding": "gzip"}, httpx.DecodingError),
    ],
)
async def test_body_that_is_read_in_one_go_is_of_bounded_size(
    body: bytes, headers: dict[str, str], expected: type[Exception]
) -> None:
    """A server must not fill the memory of a worker; whoever wants more streams it."""
    async with serving(answering(200, body, **headers)) as server:
        port = port_of(server.url)
        async with EgressClient([here(port)], resolver=FakeResolver(["127.0.0.1"])) as client:
            with pytest.raises(expected):
                await client.get(f"http://kb.test:{port}/")
