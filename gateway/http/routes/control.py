"""Kills and fences."""

from collections.abc import Sequence

from fastapi import APIRouter

from gateway.front_models import KillCommand, KillOutcome
from gateway.http.callers import CallersFront
from gateway.http.forms import EpochPath
from proctor.contracts.kill import Fence


def build_routes() -> APIRouter:
    """Give the routes of kills."""
    router = APIRouter(tags=["kill switch"])
    router.post("/kills", status_code=201)(kill)
    router.get("/fences")(fences)
    router.post("/fences/{epoch}/release")(release)
    return router


async def kill(front: CallersFront, command: KillCommand) -> KillOutcome:
    """Stop a run, an agent, a tool, a tenant or everything. When this answers, no new effect can begin in there."""
    return await front.kill(command)


async def fences(front: CallersFront) -> Sequence[Fence]:
    """List the kills in force, oldest first."""
    return await front.fences()


async def release(front: CallersFront, epoch: EpochPath) -> Fence:
    """Lift a fence. It takes another person than the one who raised it."""
    return await front.release(epoch)
