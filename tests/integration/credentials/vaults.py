"""A small Vault: the parts of the HTTP API that ours asks, with leases and tokens that end, over a real socket."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "s.root-token-of-the-test"
ROLE_ID, SECRET_ID = "role-4711", "secret-id-0815"


@dataclass
class SmallVault:
    """What it holds, and every request that it was sent."""

    address: str = ""
    kv: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    namespaces: list[str | None] = field(default_factory=list)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    revoked: list[str] = field(default_factory=list)
    made: int = 0
    lease_s: int = 60
    renewal_s: int = 60
    is_sealed: bool = False

    def answer(self, method: str, path: str, token: str, body: Any) -> tuple[int, Any]:
        """Answer as Vault does, errors with secrets in them too: ours must not repeat them."""
        if self.is_sealed:
            return 503, {"errors": [f"Vault is sealed; you sent {token}"]}
        if path == "auth/approle/login":
            return self._log_in(body)
        if token not in self.tokens:
            return 403, {"errors": [f"permission denied for {token}"]}
        if path.startswith("secret/data/"):
            found = self.kv.get(path.removeprefix("secret/data/"))
            return (200, {"data": {"data": found, "metadata": {"version": 1}}}) if found else (404, {"errors": []})
        return self._make(path) if path.startswith("database/creds/") else self._look_after(path, body)

    def count(self, path: str) -> int:
        """Count the requests for a path."""
        return sum(asked == path for _, asked in self.asked)

    def _log_in(self, body: Any) -> tuple[int, Any]:
        if body != {"role_id": ROLE_ID, "secret_id": SECRET_ID}:
            return 400, {"errors": ["invalid role or secret ID"]}
        token = f"s.login-{len(self.asked)}-of-the-role"
        self.tokens.add(token)
        return 200, {"auth": {"client_token": token, "lease_duration": self.lease_s * 2, "renewable": True}}

    def _look_after(self, path: str, body: Any) -> tuple[int, Any]:
        if path == "sys/leases/renew":
            return 200, {"lease_id": body["lease_id"], "lease_duration": self.renewal_s, "renewable": True}
        if path == "sys/leases/revoke":
            self.revoked.append(body["lease_id"])
        return 204, None

    def _make(self, path: str) -> tuple[int, Any]:
        self.made += 1
        data = {"username": f"v-{self.made}", "password": f"made-password-{self.made}"}
        return 200, {"lease_id": f"{path}/{self.made}", "lease_duration": self.lease_s, "renewable": True, "data": data}


@contextmanager
def small_vault(**kv: dict[str, str]) -> Iterator[SmallVault]:
    """Serve a vault on a free port."""
    vault = SmallVault(kv=kv)

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path = self.path.removeprefix("/v1/")
            vault.asked.append((self.command, path))
            vault.bodies.append(body)
            vault.namespaces.append(self.headers.get("X-Vault-Namespace"))
            status, answer = vault.answer(self.command, path, self.headers.get("X-Vault-Token", ""), body)
            content = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_any  # noqa: N815 - names of the standard library

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    vault.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield vault
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
