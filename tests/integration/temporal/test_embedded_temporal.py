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
from workers.embedded.temporal import EmbeddedTemporal, TemporalPorts
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
