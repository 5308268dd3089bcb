"""Health of a process: what it knows of itself, and the endpoints that tell it.

`/healthz` says whether the process lives, `/readyz` whether it can do its work now, `/metrics` is for Prometheus. The
endpoints run on a thread of their own, so that a busy event loop cannot keep them from saying that it is busy.
"""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from proctor.contracts.canonical import summarize
from proctor.contracts.errors import ProctorError, Unavailable

PROBE_INTERVAL_S = 1.0
PROBE_TIMEOUT_S = 2.0
BEAT_S = 0.25
STALLED_S = 5.0
"""An event loop that has not run for so long does no work: not ready."""
DEAD_S = 60.0
"""An event loop that has not run for so long will not come back: restart the process."""

Check = Callable[[], Awaitable[None]]
"""Returns when the part is well; raises otherwise."""


@dataclass(frozen=True)
class Answer:
    """What an endpoint answers."""

    status: int
    body: bytes
    content_type: str = "application/json"


class Health:
    """What a process knows of itself. Written by its event loop, read from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin as not ready: it is starting."""
        self._clock = clock
        self._last_beat = clock()
        self._lag_s = 0.0
        self._reasons: tuple[str, ...] = ("starting",)
        self._draining = False

    def starting(self, state: str) -> None:
        """Say how far the start is."""
        self._reasons = (f"starting: {state}",)

    def drain(self) -> None:
        """From here on the process takes no new work; there is no way back."""
        self._draining = True

    def lag_s(self) -> float:
        """Say how late the event loop runs: since its last beat, or at that beat, whichever is worse."""
        return max(self._lag_s, self._clock() - self._last_beat - BEAT_S, 0.0)

    def reasons_not_ready(self) -> list[str]:
        """List why the process cannot do its work now; empty means that it can."""
        found = ["draining"] if self._draining else []
        found += self._reasons
        if self.lag_s() > STALLED_S:
            found.append(f"the event loop has not run for {self.lag_s():.1f} s")
        return found

    async def watch(
        self,
        checks: Mapping[str, Check],
        *,
        interval_s: float = PROBE_INTERVAL_S,
        timeout_s: float = PROBE_TIMEOUT_S,
    ) -> None:
        """Look after the process until cancelled: beats, and runs every check each `interval_s` seconds."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat())
            while True:
                found = await asyncio.gather(*(_probe(name, check, timeout_s) for name, check in checks.items()))
                self._reasons = tuple(reason for reason in found if reason)
                await asyncio.sleep(interval_s)

    async def _beat(self) -> None:
        while True:
            before = self._clock()
            await asyncio.sleep(BEAT_S)
            self._last_beat = self._clock()
            self._lag_s = max(0.0, self._last_beat - before - BEAT_S)


async def _probe(name: str, check: Check, timeout_s: float) -> str | None:
    try:
        async with asyncio.timeout(timeout_s):
            await check()
    except TimeoutError:
        return f"{name}: no answer within {timeout_s:g} s"
    except ProctorError as error:
        return f"{name}: {error.message}"
    except Exception as error:  # noqa: BLE001 - whatever a part raises, it is not well
        return f"{name}: {summarize(str(error)) or type(error).__name__}"
    return None


class HealthServer:
    """Serves a process's health on a thread of its own."""

    def __init__(self, health: Health, metrics: Callable[[], bytes], *, host: str, port: int) -> None:
        """Listen at once; 0 takes a free port.

        Raises:
            Unavailable: the port is occupied, or `host` is not an address of this machine.

        """
        self._health, self._metrics = health, metrics
        try:
            self._server = ThreadingHTTPServer((host, port), self._request_class())
        except OSError as error:
            raise Unavailable(
                f"the health endpoints cannot listen on {host}:{port}: {error.strerror}",
                hint="set PROCTOR_HEALTH_PORT to a free port, or 0",
            ) from error
        self._server.daemon_threads = True
        self.url = f"http://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True)

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Answer while the block runs."""
        self._thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def answer(self, path: str) -> Answer | None:
        """Answer one request; None for a path that there is not."""
        match path.partition("?")[0]:
            case "/healthz":
                return self._liveness()
            case "/readyz":
                reasons = self._health.reasons_not_ready()
                return _json(503 if reasons else 200, {"ready": not reasons, "reasons": reasons})
            case "/metrics":
                return Answer(200, self._metrics(), "text/plain; version=0.0.4; charset=utf-8")
        return None

    def _liveness(self) -> Answer:
        lag_s = self._health.lag_s()
        is_alive = lag_s < DEAD_S
        return _json(200 if is_alive else 503, {"alive": is_alive, "event_loop_lag_s": round(lag_s, 3)})

    def _request_class(self) -> type[BaseHTTPRequestHandler]:
        answer = self.answer

        class Request(BaseHTTPRequestHandler):
            timeout = 5.0

            def do_GET(self) -> None:
                found = answer(self.path) or _json(404, {"error": "there is /healthz, /readyz and /metrics"})
                self.send_response(found.status)
                self.send_header("Content-Type", found.content_type)
                self.send_header("Content-Length", str(len(found.body)))
                self.end_headers()
                self.wfile.write(found.body)

            def log_message(self, *_: object) -> None:
                """Probes come every few seconds: they are not worth a line each."""

        return Request


def _json(status: int, body: dict[str, object]) -> Answer:
    return Answer(status, json.dumps(body).encode() + b"\n")
