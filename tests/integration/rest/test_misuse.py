"""What somebody tries who means no good, over real sockets."""

import asyncio
import time

import pytest
import uvicorn

from gateway.http.connections import GuardedProtocol
from gateway.http.server import config_of
from gateway.http.settings import HttpSettings
from proctor.contracts.human import Role
from tests.integration.rest.site import Site, name_of, token_of
from tests.integration.store.scenes import OWNER, open_scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUESTER = name_of(Role.REQUESTER)


class ImpatientProtocol(GuardedProtocol):
    """Waits less long, so that a test need not."""

    HEAD_S = 0.3


async def spoken(site: Site, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """Send bytes over a connection of their own; gives what came until the other side closed."""
    host, port = site.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(pause_s)
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_nobody_takes_the_key_of_a_schedule_or_hook_before_it_fires(site: Site) -> None:
    """Its run begins under that key, so that who took it first would keep the run from beginning."""
    for key in ("sched-nightly-20300101T000000000Z", "hook-siem-0123"):
        order = {"agent": "prober", "input": {"try": "x"}}
        answer = await site.ask("POST", "/tasks", by=REQUESTER, json=order, headers={"idempotency-key": key})
        assert (422, "urn:proctor:problem:invalid-input") == (answer.status_code, answer.json()["type"])


async def test_a_narrow_key_of_an_owner_sees_their_agents_runs_no_more_than_others_do(site: Site) -> None:
    """What a manifest says of its holder opens nothing to a key that lacks the role."""
    scene = await open_scene(site.store, "narrow")
    roles = frozenset({Role.REQUESTER, Role.OPERATOR})
    await site.store.people.enrol(OWNER.name, roles, token_of(OWNER.name))
    made = await site.ask("POST", "/api-keys", by=OWNER.name, json={"roles": ["requester"]})
    narrow = {"authorization": f"Bearer {made.json()['token']}"}
    for path in ("", "/receipt", "/control"):
        assert 404 == (await site.ask("GET", f"/runs/{scene.run_id}{path}", headers=narrow)).status_code
        assert 200 == (await site.ask("GET", f"/runs/{scene.run_id}{path}", by=OWNER.name)).status_code


async def test_a_body_with_two_lengths_is_refused_and_ends_the_connection(site: Site) -> None:
    """A proxy that believes the one and a gateway that believes the other would make two requests of one."""
    head = b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    smuggled = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await spoken(site, head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled)
    assert b"HTTP/1.1 400" == answer[:12]
    assert 1 == answer.count(b"HTTP/1.1")


async def test_a_head_without_end_is_not_taken(site: Site) -> None:
    """Nobody fills the memory with a header before it is known who they are."""
    answer = await spoken(site, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 300_000)
    assert answer[:12] in {b"HTTP/1.1 400", b""}


async def test_a_head_that_does_not_come_ends_the_connection(site: Site) -> None:
    """Neither silence nor a header a second holds a connection open; a slow head after an answer does not either."""
    assert GuardedProtocol is config_of(site.app, HttpSettings(), 1).http
    config = uvicorn.Config(site.app, http=ImpatientProtocol, log_config=None, lifespan="off", port=0)
    server = uvicorn.Server(config)
    config.load()
    listening = await asyncio.get_running_loop().create_server(
        lambda: ImpatientProtocol(config=config, server_state=server.server_state, app_state={}), "127.0.0.1", 0
    )
    port = listening.sockets[0].getsockname()[1]
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    for said, answers in ((b"", 0), (b"GET /healthz HTTP/1.1\r\nHo", 0), (whole + b"GET /he", 1)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began = time.monotonic()
        writer.write(said)
        got = b""
        try:
            while chunk := await asyncio.wait_for(reader.read(4096), 5):
                got += chunk
        except ConnectionError:
            pass
        assert answers == got.count(b"HTTP/1.1 200")
        assert 0.25 < time.monotonic() - began < 4
        writer.close()
    listening.close()
