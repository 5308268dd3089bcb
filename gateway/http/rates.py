"""How often somebody may ask. Counted in this process: with N gateways behind a balancer, N times as often in all."""

import hashlib
import math
import time
from collections import Counter, OrderedDict

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

KNOWN_GOOD = 4096
MOST_STREAMS = 32
STREAM_PAUSE_S = 5
SIGN_INS = parse("60/minute")
"""Sign-ins at the OIDC issuer that one address may begin."""


class TooManyRequests(Exception):
    """Come back later."""

    def __init__(self, retry_after_s: int, what: str) -> None:
        """Say when, and what there was too much of."""
        self.retry_after_s, self.what = retry_after_s, what
        super().__init__(what)


class Rates:
    """Limits of requests per principal, and of failed logins per address."""

    def __init__(self, per_principal: RateLimitItem, failed_logins: RateLimitItem) -> None:
        """Begin with nothing counted."""
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._per_principal, self._failed_logins = per_principal, failed_logins
        self._streams: Counter[str] = Counter()
        self._good: OrderedDict[str, None] = OrderedDict()

    def count_request(self, principal: str) -> None:
        """Count a request of a principal. Raises `TooManyRequests`."""
        if not self._limiter.hit(self._per_principal, "principal", principal):
            raise self._later(self._per_principal, "principal", principal, "requests of this principal")

    def check_login(self, address: str, credential: str) -> None:
        """Refuse a login from an address with too many failures behind it, unless this credential let in before.

        So guessing stops without a look into the store, and whoever shares the address stays in. Raises
        `TooManyRequests`.
        """
        if _name_of(credential) not in self._good and not self._limiter.test(self._failed_logins, "login", address):
            raise self._later(self._failed_logins, "login", address, "failed logins from this address")

    def note_login(self, address: str, credential: str, *, is_good: bool) -> None:
        """Count how a login ended."""
        name = _name_of(credential)
        if not is_good:
            self._good.pop(name, None)
            self._limiter.hit(self._failed_logins, "login", address)
            return
        self._good[name] = None
        self._good.move_to_end(name)
        if len(self._good) > KNOWN_GOOD:
            self._good.popitem(last=False)

    def count_sign_in(self, address: str) -> None:
        """Count a sign-in that somebody begins. Raises `TooManyRequests`."""
        if not self._limiter.hit(SIGN_INS, "sign-in", address):
            raise self._later(SIGN_INS, "sign-in", address, "sign-ins from this address")

    def begin_stream(self, principal: str) -> None:
        """Count a stream that a principal holds open. Raises `TooManyRequests`."""
        if self._streams[principal] >= MOST_STREAMS:
            raise TooManyRequests(STREAM_PAUSE_S, f"too many open streams of this principal: at most {MOST_STREAMS}")
        self._streams[principal] += 1

    def end_stream(self, principal: str) -> None:
        """Say that one of them ended."""
        self._streams[principal] -= 1

    def _later(self, item: RateLimitItem, kind: str, key: str, what: str) -> TooManyRequests:
        reset = self._limiter.get_window_stats(item, kind, key).reset_time
        return TooManyRequests(max(1, math.ceil(reset - time.time())), f"too many {what}: at most {item}")


def _name_of(credential: str) -> str:
    return hashlib.sha256(credential.encode("utf-8", "replace")).hexdigest()
