"""Credentials of one call to an MCP server: settings of its process, or headers over HTTP."""

import base64
import re
from dataclasses import dataclass, field

import httpx

from proctor.contracts.canonical import digest_json
from proctor.contracts.credentials import Credentials, CredentialUse
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.tool import ToolContract
from proctor.tools.credential_uses import origin_of
from proctor.tools.egress.settings import read_base

_PLACE = re.compile(r"\{(secret|basic)\}")


@dataclass(frozen=True)
class Granted:
    """What the credentials of a call come to. Never shown."""

    environment: dict[str, str] = field(default_factory=dict, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    def fingerprint(self) -> str:
        """Tell settings of one process from those of another; a secret that changed needs another process."""
        return digest_json(self.environment) if self.environment else ""


async def granted(contract: ToolContract, credentials: Credentials | None, url: str = "") -> Granted:
    """Resolve every credential that the contract uses, for this tool, now; `url` is that of its server, if any.

    Raises `NotAuthorised`, `UnknownName` or `Unavailable`, as `Credentials.resolve` does; `InvalidInput` for the URL.
    """
    found, origin = Granted(), origin_of(httpx.URL(read_base(url).text)) if url else ""
    for use in contract.credentials:
        if credentials is None:
            raise NotAuthorised(f"the credential {use.name} cannot be had here", hint="this worker has no credentials")
        where, _, name = use.at.partition(":")
        written = _written(use, (await credentials.resolve(use, contract.name, origin)).reveal())
        (found.environment if where == "env" else found.headers)[name] = written
    return found


def _written(use: CredentialUse, secret: str) -> str:
    forms = {"secret": secret, "basic": base64.b64encode(secret.encode()).decode()}
    return _PLACE.sub(lambda found: forms[found[1]], use.form)
