"""What every route works with. Other ways in (events, pages, chats) build their routers and companions from it too."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.companions import Companions
from gateway.connections import Gateway
from gateway.front import Front
from gateway.http.login import Login
from gateway.http.metrics import HttpMetrics
from gateway.http.oidc_client import OidcClient
from gateway.http.rates import Rates
from gateway.http.settings import HttpSettings
from gateway.local_front import LocalFront
from proctor.contracts.human import Principal


@dataclass
class HttpParts:
    """The open parts of one gateway process."""

    gateway: Gateway
    settings: HttpSettings
    rates: Rates
    login: Login
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """For the settings of ways in that are optional, such as chats."""
    metrics: HttpMetrics = field(default_factory=HttpMetrics)
    companions: Companions = field(default_factory=lambda: Companions([]))
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process was told to stop: whatever waits for long ends then."""
    sign_in: OidcClient | None = None
    """Signs people in at the OIDC issuer; None: there is none."""
    public_url: str = ""
    """How people reach us, without a slash at the end."""

    def front_of(self, principal: Principal) -> Front:
        """Give the front of a principal, who was authenticated."""
        return LocalFront(self.gateway, principal)
