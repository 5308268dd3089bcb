"""Who comes in at the page, by a token or an API key; and how often one may try."""

import re
from dataclasses import dataclass, field

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from gateway.connections import Gateway
from gateway.page.cookies import hash_of
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.human import Principal
from proctor.contracts.session_ports import Credential

_API_KEY = re.compile(r"pk_([0-9a-f]{12})_([\w-]{20,200})")
FAILURES_PER_ADDRESS, FAILURES_IN_ALL = 10, 200
"""Failed attempts in a minute, beyond which nobody gets in from that address, or anywhere."""


@dataclass(frozen=True)
class Entered:
    """Somebody who showed a credential that holds."""

    principal: Principal
    credential: Credential


async def enter(gateway: Gateway, text: str) -> Entered:
    """Let in whoever has this token or API key. Raises `NotAuthorised`."""
    shown = text.strip()
    key = _API_KEY.fullmatch(shown)
    if key is not None:
        principal = await gateway.store.api_keys.authenticate(key[1], hash_of(key[2]))
        return Entered(principal, Credential(kind="api_key", reference=key[1]))
    if not shown.isascii() or not shown.isprintable():
        raise NotAuthorised("this token is nobody's", hint="copy it again")
    principal = await gateway.store.people.authenticate(shown)
    return Entered(principal, Credential(kind="token", reference=hash_of(shown)))


@dataclass(frozen=True)
class Throttle:
    """Counts failed attempts to get in, in this process. Credentials are random, so this is against noise."""

    per_address: int = FAILURES_PER_ADDRESS
    in_all: int = FAILURES_IN_ALL
    _limiter: MovingWindowRateLimiter = field(default_factory=lambda: MovingWindowRateLimiter(MemoryStorage()))

    def is_open(self, address: str) -> bool:
        """Whether another attempt may be made from an address."""
        return all(self._limiter.test(item, *name) for item, name in self._items(address))

    def note_failure(self, address: str) -> None:
        """Count a failed attempt."""
        for item, name in self._items(address):
            self._limiter.hit(item, *name)

    def _items(self, address: str) -> tuple[tuple[RateLimitItemPerMinute, tuple[str, ...]], ...]:
        own, all_of_them = RateLimitItemPerMinute(self.per_address), RateLimitItemPerMinute(self.in_all)
        return ((own, ("page", address)), (all_of_them, ("page",)))
