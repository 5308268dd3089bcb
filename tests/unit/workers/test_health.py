import asyncio
import contextlib
import json
from collections.abc import Callable

from proctor.contracts.errors import Unavailable
from workers.health import Answer, Health, HealthServer


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def well() -> None:
    return None


async def ill() -> None:
    raise Unavailable("does not answer")


async def mute() -> None:
    await asyncio.sleep(60)


async def watched(health: Health, **checks: Callable[[], object]) -> list[str]:
    task = asyncio.create_task(health.watch(checks, interval_s=0.01, timeout_s=0.1))  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(5):
            while health.reasons_not_ready() == ["starting"]:  # noqa: ASYNC110 - health is asked, it does not call
                await asyncio.sleep(0.01)
        return health.reasons_not_ready()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_ready_only_when_every_part_answers() -> None:
    """One part that does not answer is named, and is enough."""
    assert await watched(Health(), Temporal=well, Postgres=well) == []
    assert await watched(Health(), Temporal=well, Postgres=ill) == ["Postgres: does not answer"]


async def test_a_part_that_never_answers_counts_as_down() -> None:
    """A check that hangs is cut off and named."""
    assert await watched(Health(), Temporal=mute, Postgres=well) == ["Temporal: no answer within 0.1 s"]


def test_a_process_that_starts_is_not_ready() -> None:
    """Nothing was checked yet, so nothing is promised."""
    assert Health().reasons_not_ready() == ["starting"]


async def test_draining_has_no_way_back() -> None:
    """Whatever the parts answer, a draining process takes no work."""
    health = Health()
    health.drain()
    assert "draining" in await watched(health, Temporal=well)


async def test_an_event_loop_that_stalls_is_seen_from_outside() -> None:
    """The age of the last beat counts, not only what the loop itself could measure."""
    clock = FakeClock()
    health = Health(clock)
    await watched(health, Temporal=well)
    clock.now += 6
    assert health.reasons_not_ready() == ["the event loop has not run for 5.8 s"]


def answer_of(health: Health, path: str) -> Answer | None:
    server = HealthServer(health, lambda: b"metric 1\n", host="127.0.0.1", port=0)
    server._server.server_close()
    return server.answer(path)


def test_liveness_holds_through_a_stall_and_ends_with_a_dead_loop() -> None:
    """A busy process is not killed; one whose loop is gone for a minute is."""
    clock = FakeClock()
    health = Health(clock)
    clock.now += 30
    alive = answer_of(health, "/healthz")
    clock.now += 60
    dead = answer_of(health, "/healthz")
    assert alive is not None
    assert dead is not None
    assert (alive.status, dead.status) == (200, 503)
    assert json.loads(alive.body)["event_loop_lag_s"] == 29.75


def test_unknown_paths_have_no_answer() -> None:
    """There are three endpoints; a query does not hide one."""
    assert None is answer_of(Health(), "/secrets")
    found = answer_of(Health(), "/metrics?x=1")
    assert found is not None
    assert found.body == b"metric 1\n"
