"""What the author of a Python tool imports: the two errors to raise, and the resources to ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from proctor.contracts.errors import InvalidInput
from proctor.contracts.ports import Knowledge

KEEPALIVE_S = 2.0
"""Idle connections are dropped before a server drops them: a request on a dead one would be an unknown outcome."""


class ToolFailed(Exception):
    """The tool did not do it, for sure.

    Raise it only where the effect is known not to have happened: it is never compensated.
    """

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        """Say in one line why; `retryable` when the same call may succeed later."""
        self.retryable = retryable
        super().__init__(message)


class OutcomeUnknown(Exception):
    """The tool cannot tell whether it did it."""


@dataclass(frozen=True)
class ToolResources:
    """What tools may be given; a function asks for it with a parameter named `resources`.

    Tools read their settings from `environment`, which the worker chooses, never from the process environment.
    """

    knowledge: Knowledge
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def setting(self, name: str) -> str:
        """Give a setting. Raises `InvalidInput` when it is missing."""
        value = self.environment.get(name, "")
        if not value:
            raise InvalidInput(f"{name} is not set", hint=f"set {name} in the environment of the worker")
        return value

    @cached_property
    def http(self) -> httpx.AsyncClient:
        """One HTTP client for all tools: no proxies, no redirects, no cookies, no compression, no retries."""
        return httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": "proctor", "Accept-Encoding": "identity"},
            limits=httpx.Limits(keepalive_expiry=KEEPALIVE_S),
        )

    async def aclose(self) -> None:
        """Close the HTTP client, if it was ever used."""
        if "http" in self.__dict__:
            await self.http.aclose()
