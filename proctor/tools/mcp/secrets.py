"""Credentials of one call to an MCP server: settings of its process, or headers over HTTP."""

from dataclasses import dataclass, field

import httpx

from proctor.contracts.canonical import digest_json
from proctor.contracts.credentials import Credentials
from proctor.contracts.tool import ToolContract
from proctor.tools.credential_uses import origin_of, resolve, written
from proctor.tools.egress.settings import read_base


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
        where, _, name = use.at.partition(":")
        value = written(use, await resolve(use, contract, credentials, origin))
        (found.environment if where == "env" else found.headers)[name] = value
    return found
