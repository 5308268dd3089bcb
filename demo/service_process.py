"""The one process of a supervised service: started, asked whether it lives, and really ended."""

import http.client
import json
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from demo.process import ROOT, module_command
from workers.embedded.ports import HeldPort

START_S = 15.0
"""A process that ends is seen at once; this bounds one that neither ends nor announces itself."""
TERM_GRACE_S = 1.0
"""From SIGTERM to SIGKILL."""
HEALTH_S = 0.75


@dataclass
class ServiceProcess:
    """The process of the service; it keeps its port over restarts."""

    state: Path
    release: str = "stable"
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _held: HeldPort | None = field(default=None, repr=False)

    @property
    def log_path(self) -> Path:
        """Where the service logs, over all its restarts."""
        return self.state / "checkout.log"

    @property
    def url(self) -> str | None:
        """Where the service listens; None before its first start."""
        return f"http://127.0.0.1:{self.port}" if self.port else None

    def pid(self) -> int | None:
        """Give the pid; None when no process runs."""
        running = self.process is not None and self.process.poll() is None
        return self.process.pid if running and self.process else None

    def start(self, release: str) -> bool:
        """Start `release`; False when it ended, or did not announce itself in time, and was removed."""
        self.release = release
        self._held = self._held or HeldPort()
        with tempfile.TemporaryDirectory(dir=self.state) as folder, (self.state / "checkout.err").open("ab") as errors:
            ready = Path(folder) / "ready.json"
            options = ["--release", release, "--log", str(self.log_path), "--port", str(self._held.number)]
            command = module_command("demo.service", *options, "--announce", str(ready), "--die-with-stdin")
            self.process = subprocess.Popen(  # noqa: S603 - our own module
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors
            )
            if not self._await(ready):
                self.stop()
                return False
            self.port = urlsplit(json.loads(ready.read_text(encoding="utf-8"))["url"]).port or 0
        return True

    def stop(self) -> None:
        """End the process: SIGTERM, and SIGKILL when it does not go."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(TERM_GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()
        self.process = None

    def health(self) -> dict[str, Any]:
        """Ask `/health`: healthy, wedged (it runs and does not answer) or down."""
        pid = self.pid()
        if pid is None or self.url is None:
            return self._health("down", None, "no process runs")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HEALTH_S)
        try:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return self._health("wedged", pid, f"no answer from /health within {HEALTH_S:g} s: {error}")
        finally:
            connection.close()
        return self._health("healthy", pid, f"/health answered {answer.status}")

    def _health(self, status: str, pid: int | None, detail: str) -> dict[str, Any]:
        return {"service": "checkout", "status": status, "pid": pid, "release": self.release, "detail": detail}

    def _await(self, ready: Path) -> bool:
        deadline = time.monotonic() + START_S
        while not ready.exists():
            if self.pid() is None or time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True
