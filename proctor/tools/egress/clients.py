"""One client for each set of allow entries, kept while the process lives."""

import ssl
from collections.abc import Sequence

from proctor.contracts.egress import EgressEntry
from proctor.tools.egress.client import EgressClient
from proctor.tools.egress.resolving import Resolver, system_resolver


class EgressClients:
    """Gives tools with the same entries the same connections, and no others theirs."""

    def __init__(self, *, resolver: Resolver = system_resolver, verify: ssl.SSLContext | None = None) -> None:
        self._resolver, self._verify = resolver, verify
        self._clients: dict[tuple[EgressEntry, ...], EgressClient] = {}

    def bound_to(self, entries: Sequence[EgressEntry]) -> EgressClient:
        """Give the client of these entries. Raises `InvalidInput` naming one that cannot be meant as written."""
        key = tuple(entries)
        if key not in self._clients:
            self._clients[key] = EgressClient(key, resolver=self._resolver, verify=self._verify)
        return self._clients[key]

    async def aclose(self) -> None:
        """Close every client."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.aclose()
