"""What the gateway refuses to start with."""

from pathlib import Path

import pytest

from gateway.http.server import check_tls
from gateway.http.settings import HttpSettings
from proctor.contracts.errors import InvalidInput


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "gateway.internal"])
def test_it_listens_to_nobody_else_in_the_clear(host: str, tmp_path: Path) -> None:
    """Beyond this machine only with TLS, its own or that of a proxy which is named."""
    with pytest.raises(InvalidInput, match="without TLS"):
        HttpSettings.load({"PROCTOR_GATEWAY_HOST": host})
    pem = tmp_path / "x.pem"
    pem.touch()
    tls = {"PROCTOR_TLS_CERT": str(pem), "PROCTOR_TLS_KEY": str(pem)}
    http = HttpSettings.load({"PROCTOR_GATEWAY_HOST": host, **tls})
    assert "https" == http.scheme
    with pytest.raises(InvalidInput, match="no certificate and its key"):
        check_tls(http)
    assert HttpSettings.load({"PROCTOR_GATEWAY_HOST": host, "PROCTOR_BEHIND_PROXY": "10.0.0.5, 172.16.0.0/12"})


@pytest.mark.parametrize(
    "environ",
    [
        {"PROCTOR_GATEWAY_PORT": "70000"},
        {"PROCTOR_GATEWAY_PORT": "-1"},
        {"PROCTOR_GATEWAY_PORT": "²"},
        {"PROCTOR_GATEWAY_PORT": "0" * 5000},
        {"PROCTOR_TLS_CERT": "/nowhere.pem", "PROCTOR_TLS_KEY": "/nowhere.pem"},
        {"PROCTOR_TLS_CERT": __file__},
        {"PROCTOR_TLS_KEY": __file__},
        {"PROCTOR_BEHIND_PROXY": "yes"},
        {"PROCTOR_BEHIND_PROXY": "10.0.0.5/8"},
        {"PROCTOR_PUBLIC_URL": "http://proctor.example.org"},
        {"PROCTOR_PUBLIC_URL": "https://user@proctor.example.org"},
        {"PROCTOR_PUBLIC_URL": "https://[proctor"},
        {"PROCTOR_PUBLIC_URL": "https:///approvals"},
        {"PROCTOR_PUBLIC_URL": "https://proctor.example.org?x"},
        {"PROCTOR_PUBLIC_URL": "https://proctor.example.org#x"},
        {"PROCTOR_PUBLIC_URL": "ftp://127.0.0.1"},
        {"PROCTOR_OIDC_ISSUER": "https://id.example.org"},
        {"PROCTOR_OIDC_ISSUER": "http://id.example.org", "PROCTOR_OIDC_AUDIENCE": "x"},
        {"PROCTOR_OIDC_AUDIENCE": "proctor"},
        {"PROCTOR_OIDC_CLIENT_ID": "page", "PROCTOR_PUBLIC_URL": "https://proctor.example.org"},
        {"PROCTOR_OIDC_CLIENT_ID": "page", "PROCTOR_OIDC_ISSUER": "https://id.example.org"},
        {"PROCTOR_OIDC_CLIENT_SECRET": "x"},
        {"PROCTOR_OIDC_CLIENT_SECRET_FILE": "/nowhere"},
        {"PROCTOR_OIDC_CLIENT_SECRET": "x", "PROCTOR_OIDC_CLIENT_SECRET_FILE": "/nowhere"},
        {"PROCTOR_RATE_LIMIT": "often"},
        {"PROCTOR_MAX_BODY_BYTES": "1e9"},
    ],
)
def test_a_setting_that_cannot_be_used_is_named(environ: dict[str, str]) -> None:
    """One line that says which variable."""
    with pytest.raises(InvalidInput, match=next(iter(environ))):
        HttpSettings.load(environ)


@pytest.mark.parametrize(
    ("url", "is_tls", "is_secure"),
    [
        ("", False, False),
        ("http://localhost:8080", False, False),
        ("https://proctor.example.org/", False, True),
        ("", True, True),
    ],
)
def test_it_is_secure_by_its_own_tls_or_by_its_public_address(url: str, *, is_tls: bool, is_secure: bool) -> None:
    """Browsers are told to use TLS alone where that is so, and nowhere else."""
    tls = {"PROCTOR_TLS_CERT": __file__, "PROCTOR_TLS_KEY": __file__} if is_tls else {}
    settings = HttpSettings.load({"PROCTOR_PUBLIC_URL": url, **tls})
    assert (is_secure, "https" if is_tls else "http") == (settings.is_secure, settings.scheme)
    assert url.rstrip("/") == settings.public_url


def test_the_secret_of_the_client_comes_from_a_variable_or_a_file_and_is_not_printed(tmp_path: Path) -> None:
    """As files of secrets end with a line break, that is no part of it."""
    environ = {
        "PROCTOR_OIDC_ISSUER": "https://id.example.org",
        "PROCTOR_OIDC_CLIENT_ID": "page",
        "PROCTOR_PUBLIC_URL": "https://proctor.example.org",
    }
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    said = HttpSettings.load({**environ, "PROCTOR_OIDC_CLIENT_SECRET": "s3cret"})
    read = HttpSettings.load({**environ, "PROCTOR_OIDC_CLIENT_SECRET_FILE": str(file)})
    assert ("s3cret", "s3cret") == (said.oidc_client_secret, read.oidc_client_secret)
    assert "s3cret" not in repr(read)
    assert "" == HttpSettings.load(environ).oidc_client_secret
    both = {"PROCTOR_OIDC_CLIENT_SECRET": "s3cret", "PROCTOR_OIDC_CLIENT_SECRET_FILE": str(file)}
    with pytest.raises(InvalidInput, match="both set"):
        HttpSettings.load({**environ, **both})
