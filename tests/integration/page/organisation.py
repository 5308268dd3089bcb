"""An OpenID provider that is not ours, in a process of its own: its libraries warn of what they will do one day."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

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
