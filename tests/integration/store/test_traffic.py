"""Traffic: breakers, buckets and room that all workers share, and that survive them."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from proctor.contracts.audit import agent_chain
from proctor.contracts.errors import InvalidInput
from proctor.contracts.ids import EffectKey, ToolName
from proctor.contracts.traffic import (
    TRAFFIC_CHAIN,
    BreakerRule,
    BreakerState,
    CallEnd,
    Lane,
    Passage,
    RateLimit,
)
from proctor.store.postgres import PostgresStore

RULE = BreakerRule(failures=3, open_s=60, probes=2)
PLAIN = Lane(tool=ToolName("Ticket"), tenant="acme", hosts=("api.example.com",), breaker=RULE)
OF_TOOL, OF_HOST = PLAIN.breakers
ANSWERED, FAULT, UNTOLD = CallEnd.ANSWERED, CallEnd.FAULT, CallEnd.UNTOLD


@pytest.fixture
async def other(dsn: str) -> AsyncIterator[PostgresStore]:
    """Open a second worker's store, on connections of its own."""
    opened = await PostgresStore.connect(dsn, min_size=1, max_size=20)
    yield opened
    await opened.close()


def key(name: object) -> EffectKey:
    """Name a call."""
    return EffectKey(f"run/{name}/0")


async def fail(store: PostgresStore, times: int, lane: Lane = PLAIN) -> None:
    """Have calls of a lane fail that met closed breakers, so that none asked for room."""
    for n in range(times):
        await store.traffic.leave(lane, key(f"f{n}"), 0, FAULT, f"time-out {n}")


async def state(store: PostgresStore, name: str = OF_TOOL) -> BreakerState:
    """Read a breaker's state; one that nobody ever wrote is closed."""
    found = await store.traffic.breakers([name])
    return found[0].state if found else BreakerState.CLOSED


async def let_time_pass(dsn: str) -> None:
    """Let every breaker that is open for a time have been so for it."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute(
            "UPDATE proctor.breaker SET open_until = clock_timestamp() WHERE open_until < 'infinity'"
        )


async def changes(store: PostgresStore) -> list[tuple[str, str, str]]:
    """Read what the audit says of breakers: what, which, by whom."""
    records = await store.archive.audit(agent_chain(TRAFFIC_CHAIN))
    return [(record.kind, record.body["breaker"], record.body["by"]) for record in records]


async def many(store: PostgresStore, other: PostgresStore, lane: Lane, calls: int) -> list[Passage]:
    """Have many calls ask at once, of two workers."""
    return list(await asyncio.gather(*((store, other)[n % 2].traffic.enter(lane, key(n)) for n in range(calls))))


async def test_two_workers_share_one_breaker(store: PostgresStore, other: PostgresStore) -> None:
    """Failures of both count, and it opens for both; what opened it is on record."""
    await fail(store, 2)
    assert BreakerState.CLOSED is await state(other)
    await fail(other, 1)
    refused = await store.traffic.enter(PLAIN, key("a"))
    assert (False, OF_TOOL) == (refused.admitted, refused.breaker)
    assert 50 < (refused.open_until_s or 0) <= 60
    assert "time-out 0" == (await store.traffic.breakers([OF_TOOL]))[0].last_error
    assert [("breaker_opened", OF_TOOL, "proctor")] == await changes(store)


async def test_success_between_failures_begins_the_count_anew(store: PostgresStore) -> None:
    """Only failures in a row open a breaker."""
    await fail(store, 2)
    await store.traffic.leave(PLAIN, key("s"), 0, ANSWERED)
    await fail(store, 2)
    await store.traffic.leave(PLAIN, key("u"), 0, UNTOLD)
    assert BreakerState.CLOSED is await state(store)
    await fail(store, 1)
    assert BreakerState.OPEN is await state(store)


async def test_failures_at_once_are_all_counted(store: PostgresStore, other: PostgresStore) -> None:
    """None is lost in a race, and the breaker opens once."""
    lane = PLAIN.model_copy(update={"breaker": BreakerRule(failures=40)})
    await asyncio.gather(*((store, other)[n % 2].traffic.leave(lane, key(n), 0, FAULT, "down") for n in range(40)))
    assert [("breaker_opened", OF_TOOL, "proctor")] == await changes(store)
    assert 40 == (await store.traffic.breakers([OF_TOOL]))[0].failures


async def test_state_survives_restart_of_every_worker(store: PostgresStore, dsn: str) -> None:
    """It lives in the store alone."""
    await fail(store, 3)
    await store.close()
    again = await PostgresStore.connect(dsn)
    assert BreakerState.OPEN is await state(again)
    await again.close()


async def test_one_tool_that_fails_does_not_shut_its_host(store: PostgresStore) -> None:
    """An outage does not spread to other tools of the host, until a second of them fails there too."""
    neighbour = PLAIN.model_copy(update={"tool": ToolName("Search")})
    await fail(store, 9)
    assert (await store.traffic.enter(neighbour, key("n"))).admitted
    await fail(store, 1, neighbour)
    refused = await store.traffic.enter(neighbour.model_copy(update={"tool": ToolName("Third")}), key("t"))
    assert (False, OF_HOST) == (refused.admitted, refused.breaker)


async def test_exactly_as_many_probes_as_said_are_under_way(
    store: PostgresStore, other: PostgresStore, dsn: str
) -> None:
    """Of 20 calls at two workers that find it half-open, two pass."""
    await fail(store, 3)
    await let_time_pass(dsn)
    passages = await many(store, other, PLAIN, 20)
    assert 2 == sum(passage.admitted for passage in passages)
    assert BreakerState.HALF_OPEN is await state(store)
    shut = [breaker.is_shut for breaker in await store.traffic.breakers([OF_TOOL])]
    assert [True] == shut


async def test_probes_that_succeed_close_it(store: PostgresStore, dsn: str) -> None:
    """As many as may be under way; who opened and closed it is on record, in order."""
    await fail(store, 3)
    await let_time_pass(dsn)
    for n in range(2):
        assert BreakerState.CLOSED is not await state(store)
        passage = await store.traffic.enter(PLAIN, key(n))
        await store.traffic.leave(PLAIN, key(n), passage.turn, ANSWERED)
    assert BreakerState.CLOSED is await state(store)
    kinds = [kind for kind, _, _ in await changes(store)]
    assert ["breaker_opened", "breaker_half_opened", "breaker_closed"] == kinds
    await fail(store, 1)
    assert BreakerState.CLOSED is await state(store), "failures count anew"


async def test_one_probe_that_fails_opens_it_again(store: PostgresStore, dsn: str) -> None:
    """For its whole time; the late answer of a call from before says nothing."""
    await fail(store, 3)
    await let_time_pass(dsn)
    passage = await store.traffic.enter(PLAIN, key("p"))
    for end in (*[ANSWERED] * RULE.probes, FAULT):
        await store.traffic.leave(PLAIN, key("late"), 0, end)
    assert BreakerState.HALF_OPEN is await state(store)
    await store.traffic.leave(PLAIN, key("p"), passage.turn, FAULT, "down still")
    (found,) = await store.traffic.breakers([OF_TOOL])
    assert (BreakerState.OPEN, "a probe failed") == (found.state, found.reason)
    assert (found.open_until_s or 0) > 50


async def test_probe_of_a_lost_worker_comes_back(store: PostgresStore, dsn: str) -> None:
    """Its place is free when its lease has run out; the same call takes its own place again at once."""
    lane = PLAIN.model_copy(update={"breaker": BreakerRule(failures=1), "lease_s": 0.3})
    await fail(store, 1, lane)
    await let_time_pass(dsn)
    assert (await store.traffic.enter(lane, key("lost"))).admitted
    assert not (await store.traffic.enter(lane, key("next"))).admitted
    with psycopg.connect(dsn) as connection:
        seen = "SELECT is_shut FROM proctor.breakers_seen(%s, %s)"
        shut = [connection.execute(seen, [key(who), [OF_TOOL]]).fetchone() for who in ("lost", "next")]
    assert [(False,), (True,)] == shut, "a probe that a worker lost holds back others, not itself"
    assert (await store.traffic.enter(lane, key("lost"))).admitted
    await asyncio.sleep(0.4)
    assert (await store.traffic.enter(lane, key("next"))).admitted


async def test_person_opens_and_closes(store: PostgresStore, dsn: str) -> None:
    """What a person opened stays open, however long, until a person closes it; both are on record."""
    await fail(store, 2)
    opened = await store.traffic.set_breaker(OF_TOOL, BreakerState.OPEN, "olga", "they migrate")
    assert (BreakerState.OPEN, None, True) == (opened.state, opened.open_until_s, opened.is_shut)
    await let_time_pass(dsn)
    refused = await store.traffic.enter(PLAIN, key("a"))
    assert "the breaker tool:Ticket is open until a person closes it" == refused.reason
    assert not refused.admitted
    closed = await store.traffic.set_breaker(OF_TOOL, BreakerState.CLOSED, "otto", "done")
    assert BreakerState.CLOSED is closed.state
    assert (await store.traffic.enter(PLAIN, key("a"))).admitted
    await fail(store, 1)
    told = [("breaker_opened", OF_TOOL, "olga"), ("breaker_closed", OF_TOOL, "otto")]
    assert told == await changes(store)


async def test_person_may_let_a_call_pass_an_open_breaker(store: PostgresStore) -> None:
    """Its success counts as a probe's, except for what a person opened."""
    await fail(store, 3)
    approved = PLAIN.model_copy(update={"despite_open": True})
    for n in range(2):
        passage = await store.traffic.enter(approved, key(n))
        await store.traffic.leave(approved, key(n), passage.turn, ANSWERED)
    assert BreakerState.CLOSED is await state(store)
    await store.traffic.set_breaker(OF_TOOL, BreakerState.OPEN, "olga", "they migrate")
    for end in (ANSWERED, ANSWERED, FAULT):
        passage = await store.traffic.enter(approved, key(end))
        await store.traffic.leave(approved, key(end), passage.turn, end)
    (found,) = await store.traffic.breakers([OF_TOOL])
    assert (BreakerState.OPEN, None, "olga") == (found.state, found.open_until_s, found.by)


@pytest.mark.parametrize("name", ["", "Ticket", "tool:", "tool:a b", "host:", "agent:x"])
async def test_name_that_no_breaker_has_is_refused(store: PostgresStore, name: str) -> None:
    """A slip of the pen opens nothing that nobody looks at."""
    with pytest.raises(InvalidInput, match="no breaker"):
        await store.traffic.set_breaker(name, BreakerState.OPEN, "olga", "why")


async def test_room_is_never_given_twice(store: PostgresStore, other: PostgresStore) -> None:
    """Of 30 calls at two workers at once as many pass as there is room for; who leaves makes room for one."""
    lane = PLAIN.model_copy(update={"concurrency": 4})
    passages = await many(store, other, lane, 30)
    admitted = [n for n, passage in enumerate(passages) if passage.admitted]
    assert 4 == len(admitted)
    assert all(0 < passage.wait_s < 60 for passage in passages if not passage.admitted)
    left = admitted[0]
    await store.traffic.leave(lane, key(left), passages[left].turn, ANSWERED)
    assert 1 == sum(passage.admitted for passage in await many(store, other, lane, 30)) - 3


async def test_room_of_a_lost_worker_comes_back(store: PostgresStore, other: PostgresStore) -> None:
    """When its lease has run out; a worker that was only slow then gives back nothing of who came after it."""
    lane = PLAIN.model_copy(update={"concurrency": 1, "lease_s": 0.3})
    elsewhere = lane.model_copy(update={"tool": ToolName("Other")})
    for lease_s in (0.3, 60.0):
        await store.traffic.enter(elsewhere.model_copy(update={"lease_s": lease_s}), key("taken over"))
    slow = await store.traffic.enter(lane, key("same"))
    assert not (await other.traffic.enter(lane, key("next"))).admitted
    again = await other.traffic.enter(lane, key("same"))
    assert again.admitted
    await store.traffic.leave(lane, key("same"), slow.turn, ANSWERED)
    assert not (await other.traffic.enter(lane, key("next"))).admitted
    await asyncio.sleep(0.4)
    assert (await other.traffic.enter(lane, key("next"))).admitted
    assert not (await other.traffic.enter(elsewhere, key("next"))).admitted, (
        "its lease began anew when it was taken over"
    )


async def test_bucket_lets_no_more_pass_than_it_holds(store: PostgresStore, other: PostgresStore, dsn: str) -> None:
    """Each of the others holds a place of its own, one interval apart, and is admitted when its turn has come."""
    limit = RateLimit(calls=5, per_s=50_000)
    lane = PLAIN.model_copy(update={"rate_limit": limit, "patience_s": 80_000.0})
    passages = await many(store, other, lane, 12)
    assert 5 == sum(passage.admitted for passage in passages)
    waits = sorted(passage.wait_s for passage in passages if not passage.admitted)
    assert [pytest.approx(10_000 * n, abs=500) for n in range(1, 8)] == waits
    waiting = [n for n, passage in enumerate(passages) if not passage.admitted]
    too_early = [await store.traffic.enter(lane, key(n)) for n in waiting]
    assert not any(passage.admitted for passage in too_early)
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("UPDATE proctor.waiting SET due_at = clock_timestamp()")
    in_turn = [await store.traffic.enter(lane, key(n)) for n in waiting]
    assert all(passage.admitted for passage in in_turn)
    tried_again = await store.traffic.enter(lane, key(waiting[0]))
    assert not tried_again.admitted, "a further attempt takes a place of its own"


async def test_tenants_have_buckets_of_their_own(store: PostgresStore) -> None:
    """Where the limit says so, the flood of one takes nothing of another's."""
    lane = PLAIN.model_copy(update={"rate_limit": RateLimit(calls=1, per_s=3600, per="tenant")})
    assert (await store.traffic.enter(lane, key(1))).admitted
    assert not (await store.traffic.enter(lane, key(2))).admitted
    assert (await store.traffic.enter(lane.model_copy(update={"tenant": "zeta"}), key(3))).admitted


async def test_patience_ends(store: PostgresStore) -> None:
    """A wait that would be longer than a call has patience for is refused at once, and takes no place."""
    limit = RateLimit(calls=1, per_s=100)
    lane = PLAIN.model_copy(update={"rate_limit": limit, "patience_s": 30})
    await store.traffic.enter(lane, key(1))
    refused = [await store.traffic.enter(lane, key(n)) for n in range(2, 6)]
    assert [(False, True)] * 4 == [(passage.admitted, passage.is_over) for passage in refused]
    assert all(passage.wait_s <= 100 for passage in refused)
    assert "waits for the rate limit tool:Ticket" == refused[0].reason


async def test_call_that_waits_for_room_gives_up_in_the_end(store: PostgresStore) -> None:
    """Its patience counts from when it asked first, by the database's clock."""
    lane = PLAIN.model_copy(update={"concurrency": 1, "patience_s": 0.4})
    await store.traffic.enter(lane, key("holds"))
    first = await store.traffic.enter(lane, key("waits"))
    await asyncio.sleep(0.5)
    last = await store.traffic.enter(lane, key("waits"))
    anew = await store.traffic.enter(lane, key("waits"))
    assert [False, True, False] == [first.is_over, last.is_over, anew.is_over]
    assert not last.admitted


async def test_clock_that_has_gone_back_holds_nobody_up(store: PostgresStore, dsn: str) -> None:
    """As where a standby takes over: limits and breakers go on from now, and do not wait until it has caught up."""
    limit = RateLimit(calls=1, per_s=10)
    lane = PLAIN.model_copy(update={"rate_limit": limit, "patience_s": 15.0})
    assert (await store.traffic.enter(lane, key("before"))).admitted
    assert not (await store.traffic.enter(lane, key("waits"))).admitted
    assert (await store.traffic.enter(lane, key("refused"))).is_over
    full = PLAIN.model_copy(update={"tool": ToolName("Full"), "concurrency": 1})
    assert [True, False] == [(await store.traffic.enter(full, key(name))).admitted for name in ("has room", "has none")]
    down = lane.model_copy(update={"tool": ToolName("Down")})
    await fail(store, 3, down)
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("UPDATE proctor.bucket SET at = at + interval '1 hour'")
        await connection.execute("UPDATE proctor.waiting SET since = since + interval '1 hour'")
        await connection.execute("UPDATE proctor.waiting SET due_at = due_at + interval '1 hour'")
        await connection.execute(
            "UPDATE proctor.breaker SET changed_at = changed_at + interval '1 hour', "
            "open_until = open_until + interval '1 hour' WHERE state = 'open'"
        )
    (seen,) = await store.traffic.breakers(["tool:Down"])
    assert (BreakerState.HALF_OPEN, False, 0.0) == (seen.state, seen.is_shut, seen.open_until_s)
    assert (await store.traffic.enter(down, key("probe"))).admitted
    late = await store.traffic.enter(lane, key("late"))
    assert (False, True) == (late.admitted, late.wait_s < 60)
    assert (await store.traffic.enter(lane, key("waits"))).wait_s < 60
    assert not (await store.traffic.enter(full, key("has none"))).admitted
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        found = await connection.execute("SELECT count(*) FROM proctor.waiting WHERE since > clock_timestamp()")
        assert (0,) == await found.fetchone(), "what waited waits no longer for it than its patience, from now"
        await connection.execute("UPDATE proctor.bucket SET at = at - interval '1 hour'")
    after_long = [await store.traffic.enter(lane, key(f"next {n}")) for n in range(2)]
    assert [True, False] == [passage.admitted for passage in after_long], "an idle bucket holds no more than it may"
    await store.traffic.set_breaker(OF_HOST, BreakerState.OPEN, "olga", "they migrate")
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("UPDATE proctor.breaker SET changed_at = changed_at + interval '1 hour'")
    assert not (await store.traffic.enter(PLAIN, key("by hand"))).admitted
