"""Starts and asks worker processes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from workers.embedded.ports import HeldPort

ROOT = Path(__file__).parents[3]
SAMPLE = Path(__file__).with_name("sample_worker.py")


class WorkerUnderTest:
    """A worker process of the sample."""

    def __init__(
        self, folder: Path, address: str, *, port: int | None = None, environ: dict[str, str] | None = None
    ) -> None:
        self._held = HeldPort() if port is None else None
        self.port = port if self._held is None else self._held.number
        self.store = folder / "store"
        self.store.touch()
        self.log = folder / f"worker-{self.port}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(SAMPLE), str(self.store)],
                stdout=log,
                stderr=log,
                cwd=folder,
                env={
                    **{k: v for k, v in os.environ.items() if not k.startswith(("PROCTOR_", "TEMPORAL_", "PG"))},
                    "PYTHONPATH": str(ROOT),
                    "TEMPORAL_ADDRESS": address,
                    "DATABASE_URL": "postgresql:///unused",
                    "PROCTOR_HEALTH_PORT": str(self.port),
                    **(environ or {}),
                },
            )

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (urllib.error.URLError, OSError) as error:
            return 0, str(error)

    async def until_ready(self, status: int = 200, *, within_s: float = 60.0) -> dict[str, Any]:
        deadline = time.monotonic() + within_s
        while True:
            found, body = await asyncio.to_thread(self.get, "/readyz")
            if found == status:
                return dict(json.loads(body))
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"readyz is {found} {body}, not {status}\n{self.log.read_text()[-3000:]}")
            await asyncio.sleep(0.1)

    async def ended(self, within_s: float = 30.0) -> int:
        return await asyncio.to_thread(self.process.wait, within_s)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def logs(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self._held is not None:
            self._held.release()
