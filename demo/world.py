"""The demo world as one thing: started, broken on purpose, and stopped without leaving a process behind."""

import asyncio
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from demo.process import ROOT, announce, arguments, module_command
from proctor.contracts.errors import Unavailable

START_S = 20.0
STOP_S = 5.0
POLL_S = 0.02
HANG_S = 1.0
POISON = {"refund": "O-unknown"}
"""A refund of an order that does not exist: the service keeps its ledger locked after it."""
MAX_POISON = 70


class DemoWorld:
    """Supervisor (with the service) and ticket service, in a state folder, on free ports.

    Every process ends when this one does, however it ends.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._open = ExitStack()
        self.supervisor_url = ""
        self.tickets_url = ""
        self.service_url = ""

    def environment(self) -> dict[str, str]:
        """Give the settings by which tools find this world."""
        return {"DEMO_SUPERVISOR_URL": self.supervisor_url, "DEMO_TICKETS_URL": self.tickets_url}

    def pids(self) -> dict[str, int]:
        """Give the processes that this world started, by module; the service is a child of `demo.supervisor`."""
        return {module: process.pid for module, process in self._processes.items()}

    async def start(self) -> None:
        """Start everything, or nothing. Raises `Unavailable` when a part does not come up."""
        self._state.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(dir=self._state) as folder:
                tickets = self._spawn("demo.tickets", Path(folder), "--database", str(self._state / "tickets.db"))
                supervisor = self._spawn("demo.supervisor", Path(folder), "--state", str(self._state))
                self.tickets_url = await self._ready("demo.tickets", tickets)
                self.supervisor_url = await self._ready("demo.supervisor", supervisor)
            async with httpx.AsyncClient(trust_env=False) as client:
                facts = (await client.get(f"{self.supervisor_url}/services/checkout")).json()
            self.service_url = facts["url"]
        except BaseException:
            await self.stop()
            raise

    async def wedge(self) -> None:
        """Send poisoned orders until the service accepts connections and answers none."""
        async with httpx.AsyncClient(trust_env=False, timeout=HANG_S) as client, asyncio.TaskGroup() as group:
            for _ in range(MAX_POISON):
                group.create_task(_answers(client, "POST", f"{self.service_url}/orders", POISON))
                await asyncio.sleep(POLL_S)
                if not await _answers(client, "GET", f"{self.service_url}/health"):
                    return
        raise Unavailable("the service cannot be wedged", hint="does it run? see checkout.log in the state folder")

    async def stop(self) -> None:
        """Stop everything: SIGTERM, and SIGKILL for what does not go. Repeated: does nothing."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            await _end(process)
        self._processes.clear()
        self._open.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _spawn(self, module: str, folder: Path, *options: str) -> Path:
        ready = folder / f"{module}.json"
        errors = self._open.enter_context((self._state / f"{module}.err").open("ab"))
        command = module_command(module, *options, "--announce", str(ready), "--die-with-stdin")
        process = subprocess.Popen(  # noqa: S603 - our own modules
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors
        )
        self._processes[module] = process
        if process.stdin:
            self._open.callback(process.stdin.close)
        return ready

    async def _ready(self, module: str, ready: Path) -> str:
        deadline = asyncio.get_running_loop().time() + START_S
        while not ready.exists():  # noqa: ASYNC240 - a look at a local folder
            if self._processes[module].poll() is not None or asyncio.get_running_loop().time() > deadline:
                raise Unavailable(f"{module} did not start", hint=f"see {module}.err in {self._state}")
            await asyncio.sleep(POLL_S)
        url: str = json.loads(ready.read_text(encoding="utf-8"))["url"]  # noqa: ASYNC240
        return url


async def _answers(client: httpx.AsyncClient, method: str, url: str, body: Any = None) -> bool:
    try:
        await client.request(method, url, json=body)
    except httpx.HTTPError:
        return False
    return True


async def _end(process: subprocess.Popen[bytes]) -> None:
    deadline = asyncio.get_running_loop().time() + STOP_S
    while process.poll() is None:
        if asyncio.get_running_loop().time() > deadline:
            process.kill()
            process.wait()
        await asyncio.sleep(POLL_S)


async def _run_until_closed(options: Any) -> None:
    async with DemoWorld(options.state) as world:
        announce({"event": "ready", "service": world.service_url, **world.environment()}, options.announce)
        await asyncio.to_thread(sys.stdin.buffer.read)


def main() -> int:
    """Run the demo world until standard input is closed; give the exit status."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--state", type=Path, required=True)
    asyncio.run(_run_until_closed(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
