"""An OIDC issuer without a socket: it remembers who began a sign-in with which challenge, and answers as told."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from tests.integration.rest.issuer import Issuer

CLIENT, CODE = "proctor-page", "code-1"


class FakeIssuer(Issuer):
    """Answers discovery, keys and the token endpoint; what it says of itself and of people can be changed."""

    def __init__(self) -> None:
        """Be an honest issuer."""
        super().__init__()
        self.url = "https://id.example.org"
        self.be_honest()

    def be_honest(self) -> None:
        """Forget what a test wanted to be otherwise, and what it asked."""
        self.asked = []
        self.is_away, self.claimed, self.published = False, "", [self.rsa, self.ec]
        self.status = 200
        self.says: dict[str, Any] = {}
        """What its discovery document has beside the usual."""
        self.claims_said: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.key: Any = None
        self.answer_said: httpx.Response | None = None
        """Of the token endpoint, instead of the right one."""
        self.begun: dict[str, str] = {}
        self.form: dict[str, str] = {}
        self.authorization = ""
        self.hosts: set[str] = set()
        """Whom anybody asked anything."""

    @property
    def client(self) -> httpx.AsyncClient:
        """Give a client that reaches nobody else."""
        return httpx.AsyncClient(transport=httpx.MockTransport(self.respond))

    def begin(self, address: str) -> dict[str, str]:
        """Take a browser that was sent to `address`."""
        self.begun = dict(parse_qsl(urlsplit(address).query, strict_parsing=True))
        return self.begun

    def respond(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        if self.is_away:
            raise httpx.ConnectError("nobody listens")
        path = request.url.path
        self.hosts.add(request.url.host)
        if path == "/token":
            self.authorization = request.headers.get("authorization", "")
            self.form = dict(parse_qsl(request.content.decode(), strict_parsing=True))
            return self.answer_said or self._exchange()
        body = self.answer(path)
        if path.endswith("openid-configuration"):
            places = {"authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token"}
            body |= places | self.says
        return httpx.Response(self.status, json=body)

    def _exchange(self) -> httpx.Response:
        digest = hashlib.sha256(self.form["code_verifier"].encode()).digest()
        is_same = base64.urlsafe_b64encode(digest).decode().rstrip("=") == self.begun["code_challenge"]
        is_theirs = self.form["redirect_uri"] == self.begun["redirect_uri"]
        if self.form["code"] != CODE or not is_same or not is_theirs:
            return httpx.Response(400, json={"error": "invalid_grant"})
        said: dict[str, Any] = {"aud": CLIENT, "nonce": self.begun["nonce"], "nbf": None, **self.claims_said}
        token = self.token(self.key, self.header, **said)
        return httpx.Response(200, content=json.dumps({"token_type": "Bearer", "access_token": "x", "id_token": token}))
