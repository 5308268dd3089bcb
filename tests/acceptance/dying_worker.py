"""A worker like any other, but the first plan that it has recorded kills it before Temporal hears of it."""

import os
import signal
from pathlib import Path
from typing import Any

from temporalio import worker
from temporalio.client import Client
from temporalio.client import Interceptor as ClientInterceptor

from proctor.settings import Settings
from proctor.telemetry.metrics import Metrics
from workers.process import WorkerParts, work
from workers.wiring import build


class DiesAfterPlanning(ClientInterceptor, worker.Interceptor):
    """Kills the process with -9 once `plan_step` has returned, if the marker is not there yet."""

    def intercept_activity(self, next: worker.ActivityInboundInterceptor) -> worker.ActivityInboundInterceptor:  # noqa: A002
        return _Dying(next)


class _Dying(worker.ActivityInboundInterceptor):
    async def execute_activity(self, input: worker.ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's own name
        result = await super().execute_activity(input)
        if input.fn.__name__ == "plan_step":
            _die_once(Path(os.environ["DIED_ONCE"]))
        return result


def _die_once(marker: Path) -> None:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)


async def build_dying(settings: Settings, client: Client, metrics: Metrics) -> WorkerParts:
    """Build the real worker on a client that carries the fault."""
    config = client.config()
    config["interceptors"] = [*config["interceptors"], DiesAfterPlanning()]
    return await build(settings, Client(**config), metrics)


if __name__ == "__main__":
    os._exit(work(Settings.load(os.environ, Path.cwd()), build_dying))
