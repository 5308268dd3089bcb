"""Circuit breakers."""

from collections.abc import Sequence

from fastapi import APIRouter

from gateway.front_models import BreakerOrder
from gateway.http.callers import CallersFront
from proctor.contracts.traffic import Breaker


def build_routes() -> APIRouter:
    """Give the routes of breakers."""
    router = APIRouter(tags=["traffic"])
    router.get("/breakers")(breakers)
    router.post("/breakers")(set_breaker)
    return router


async def breakers(front: CallersFront) -> Sequence[Breaker]:
    """List the breakers that are open, half-open or count failures."""
    return await front.breakers()


async def set_breaker(front: CallersFront, order: BreakerOrder) -> Breaker:
    """Open a breaker until somebody closes it, or close one at once. Recorded with who said so."""
    return await front.set_breaker(order)
