import os
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

from proctor.contracts.errors import Unavailable
from proctor.devstate import Process
from tests.integration.workers.worker_under_test import ROOT
from workers.embedded.ports import HeldPort, claim_port
from workers.embedded.temporal import STARTS, EmbeddedTemporal, TemporalPorts, answers
from workers.search_attributes import registered, wanted


@workflow.defn(sandboxed=False)
class WaitingWorkflow:
    def __init__(self) -> None:
        self._told = False

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self._told)
        return "told"

    @workflow.signal
    def tell(self) -> None:
        self._told = True


async def test_it_answers_with_our_search_attributes_and_its_ui(temporal: EmbeddedTemporal) -> None:
    """Once started, the server takes work, knows our attributes and serves the UI."""
    client = await Client.connect(temporal.address)
    assert wanted() == await registered(client)
    async with httpx.AsyncClient() as http:
        assert (await http.get(temporal.ui_url, follow_redirects=True)).status_code == 200


async def test_open_workflows_survive_sigkill_on_the_same_ports(tmp_path: Path) -> None:
    """What the server has accepted is on disk; a restart after a crash goes on with it at the same address."""
    server = EmbeddedTemporal(tmp_path / "log", database=tmp_path / "temporal.db")
    async with server:
        address = server.address
        client = await Client.connect(address)
        handle = await client.start_workflow("WaitingWorkflow", id="waits", task_queue="q")
        await server.kill()
        await server.start()
        assert address == server.address
        async with Worker(client, task_queue="q", workflows=[WaitingWorkflow]):
            await handle.signal("tell")
            assert await handle.result(rpc_timeout=timedelta(seconds=20)) == "told"


async def test_its_database_uses_a_write_ahead_log(tmp_path: Path) -> None:
    """Without it the server does a fifth of the work."""
    async with EmbeddedTemporal(tmp_path / "log", database=tmp_path / "temporal.db"):
        assert (tmp_path / "temporal.db-wal").exists()


async def test_an_occupied_port_is_named_with_what_to_do(tmp_path: Path) -> None:
    """Nothing is started beside a port that is taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for ports, option in ((TemporalPorts(grpc=port), "--port"), (TemporalPorts(ui=port), "--ui-port")):
            server = EmbeddedTemporal(tmp_path / "log", ports=ports)
            with pytest.raises(Unavailable, match=rf"port {port} .* is occupied") as caught:
                await server.start()
            assert option in caught.value.hint
            assert None is server.pid


class FakeUnluckyClaim:
    """Chooses ports as always, but the first `thefts` for the gRPC service are taken before the server is there."""

    def __init__(self, thefts: int) -> None:
        self.left, self.thieves = thefts, [socket.socket() for _ in range(thefts)]
        self.stolen: list[int] = []

    def __call__(self, port: int, *, what: str, remedy: str) -> HeldPort:
        held = claim_port(port, what=what, remedy=remedy)
        if what == "Temporal" and self.left:
            self.left -= 1
            held.release()
            self.thieves[self.left].bind(("127.0.0.1", held.number))
            self.thieves[self.left].listen()
            self.stolen.append(held.number)
        return held

    def close(self) -> None:
        for thief in self.thieves:
            thief.close()


async def test_a_chosen_port_that_is_taken_before_the_server_is_there_is_chosen_anew(tmp_path: Path) -> None:
    """Somebody else was quicker, twice: the server starts on other ports."""
    claim = FakeUnluckyClaim(2)
    try:
        async with EmbeddedTemporal(tmp_path / "log", database=tmp_path / "temporal.db", claim=claim) as server:
            assert await answers(server.address)
            assert (2, False) == (len(set(claim.stolen)), int(server.address.split(":")[1]) in claim.stolen)
    finally:
        claim.close()


async def test_ports_that_are_always_taken_end_the_start_with_the_reason(tmp_path: Path) -> None:
    """It is not tried for ever, and the error says which port it was and not where a stack ended."""
    claim = FakeUnluckyClaim(STARTS + 1)
    server = EmbeddedTemporal(tmp_path / "log", claim=claim)
    try:
        with pytest.raises(Unavailable, match=r"ended while starting .*: address already in use"):
            await server.start()
        assert (STARTS, None) == (len(claim.stolen), server.pid)
    finally:
        claim.close()


async def test_ports_stay_with_a_server_that_was_killed(tmp_path: Path) -> None:
    """Nobody else can listen on them until it is back, and no connection goes out from them."""
    async with EmbeddedTemporal(tmp_path / "log", database=tmp_path / "temporal.db") as server:
        host, port = server.address.split(":")
        await server.kill()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((host, int(port)))
        await server.start()
        assert f"{host}:{port}" == server.address


async def test_a_server_that_ends_at_its_start_leaves_its_last_words(tmp_path: Path) -> None:
    """The error holds what the server said, and names its log."""
    (tmp_path / "temporal.db").write_text("this is not a database, and long enough to be seen as none" * 20)
    server = EmbeddedTemporal(tmp_path / "log", database=tmp_path / "temporal.db")
    with pytest.raises(Unavailable, match=r"ended while starting .*not a database") as caught:
        await server.start()
    assert str(tmp_path / "log") in caught.value.hint
    assert None is server.pid


async def test_stopping_leaves_no_process(tmp_path: Path) -> None:
    """After stop the process is gone; a second stop does nothing."""
    server = EmbeddedTemporal(tmp_path / "log")
    await server.start()
    process = Process.of(server.pid or 0)
    assert process.is_alive
    await server.stop()
    await server.stop()
    assert not process.is_alive


PARENT = """
import asyncio, sys
from pathlib import Path
from workers.embedded.temporal import EmbeddedTemporal
async def main():
    server = EmbeddedTemporal(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def test_it_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """SIGKILL of the parent leaves no server behind."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert parent.stdout is not None
    with parent.stdout:
        process = Process.of(int(parent.stdout.readline()))
        assert process.is_alive
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 15
    while process.is_alive:
        assert time.monotonic() < deadline
        time.sleep(0.05)
