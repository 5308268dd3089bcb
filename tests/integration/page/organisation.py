"""Where people sign in: an OpenID provider that is not ours, and what the site knows of issuers.

The provider has a process of its own, since its libraries warn of what they will do one day.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from gateway.http.oidc import OidcVerifier
from gateway.http.oidc_client import OidcClient
from proctor.contracts.human import Role
from proctor.contracts.ids import PrincipalName
from tests.integration.page.site import Site, principal

CLIENT = "proctor-page"
_PROVIDER = """
import sys
from oidc_provider_mock import run_server_in_thread
with run_server_in_thread(require_nonce=True) as server:
    print(server.server_port, flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True)
class Organisation:
    """The running provider."""

    url: str

    def say(self, subject: str, **claims: Any) -> None:
        """Let the ID tokens of somebody say more."""
        httpx.put(f"{self.url}/users/{subject}", json=claims).raise_for_status()


@contextmanager
def organisation() -> Iterator[Organisation]:
    """Serve a provider until the end of the context."""
    command = [sys.executable, "-W", "ignore", "-c", _PROVIDER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield Organisation(f"http://localhost:{int(process.stdout.readline())}")
            process.stdin.close()
            process.wait(10)
        finally:
            process.kill()


@contextmanager
def signing_in_at(site: Site, issuer: str, client: httpx.AsyncClient, client_id: str = CLIENT) -> Iterator[None]:
    """Let people sign in at an issuer."""
    verifier, before = OidcVerifier(issuer, client_id, client), site.parts.sign_in
    site.parts.sign_in = OidcClient(verifier, "a secret")
    yield
    site.parts.sign_in = before
    site.do(client.aclose())


def link(site: Site, subject: str, name: str) -> None:
    """Let an owner link a subject of an issuer."""
    wanda = principal("wanda", Role.OWNER)
    site.do(site.store.identities.link("oidc", subject, PrincipalName(name), wanda))


def unlink(site: Site, subject: str) -> None:
    """Take the link of a subject away."""
    site.do(site.store.identities.unlink("oidc", subject, principal("wanda", Role.OWNER)))
