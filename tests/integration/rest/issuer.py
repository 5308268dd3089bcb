"""An OIDC issuer on a real socket: discovery, keys, and tokens of every kind, good and bad."""

import hmac
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

AUDIENCE = "proctor"


class Issuer:
    """Publishes keys, and signs whatever a test wants signed."""

    def __init__(self) -> None:
        """Make one RSA and one EC key."""
        self.rsa = RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig"})
        self.ec = ECKey.generate_key("P-256", {"kid": "ec-1", "use": "sig"})
        self.published: list[Any] = [self.rsa, self.ec]
        self.url = ""
        self.claimed = ""
        """What discovery says of itself, when that is a lie."""
        self.asked: list[str] = []
        self.is_away = False
        self.padding = 0

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Give good claims, changed."""
        now = int(time.time())
        good = {"iss": self.url, "aud": AUDIENCE, "sub": "u-1", "iat": now, "nbf": now, "exp": now + 300}
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def token(self, key: Any = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Sign a token."""
        key = key or self.rsa
        algorithm = {"RSA": "RS256", "EC": "ES256"}[key.key_type]
        full = {"alg": algorithm, "kid": key.kid, "typ": "JWT", **(header or {})}
        full = {name: value for name, value in full.items() if value is not None}
        return jwt.encode(full, self.claims(**changes), key, algorithms=[full["alg"]])

    def confused(self) -> str:
        """Sign with HS256 and the published RSA key as the secret: the classic confusion of algorithms."""
        header = {"alg": "HS256", "kid": self.rsa.kid, "typ": "JWT"}
        signed = b".".join(urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (header, self.claims()))
        code = hmac.new(self.rsa.as_pem(private=False), signed, "sha256").digest()
        return (signed + b"." + urlsafe_b64encode(code).rstrip(b"=")).decode()

    def answer(self, path: str) -> Any:
        """Answer a request for discovery or keys."""
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.claimed or self.url, "jwks_uri": f"{self.url}/keys", "padding": "x" * self.padding}
        return {"keys": [key.as_dict(private=False) for key in self.published]}


@contextmanager
def issuer() -> Iterator[Issuer]:
    """Serve an issuer on this machine."""
    made = Issuer()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if made.is_away:
                self.send_error(503)
                return
            body = json.dumps(made.answer(self.path)).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
