"""How every process of ours reaches Temporal: the same data converter, the same tracing, errors that say what to do."""

import os
import socket
from collections.abc import Sequence
from datetime import timedelta

from temporalio.client import Client, Plugin
from temporalio.runtime import Runtime

from proctor.contracts.errors import Unavailable
from proctor.settings import TemporalEndpoint
from workflows.converter import DATA_CONVERTER

CONNECT_TIMEOUT_S = 5.0


async def connect_temporal(
    endpoint: TemporalEndpoint,
    *,
    plugins: Sequence[Plugin] = (),
    runtime: Runtime | None = None,
    timeout_s: float = CONNECT_TIMEOUT_S,
) -> Client:
    """Connect once; the client then reconnects by itself.

    Raises:
        Unavailable: nothing answers within `timeout_s`, or what answers is not Temporal.

    """
    try:
        return await Client.connect(
            endpoint.address,
            namespace=endpoint.namespace,
            data_converter=DATA_CONVERTER,
            plugins=list(plugins),
            runtime=runtime,
            identity=f"proctor-{os.getpid()}@{socket.gethostname()}",
            connect_timeout=timedelta(seconds=timeout_s),
            **endpoint.options,
        )
    except (RuntimeError, OSError, ValueError) as error:
        detail = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise Unavailable(
            f"Temporal does not answer at {endpoint.address}: {detail}",
            hint="start it, or correct TEMPORAL_ADDRESS and its TLS settings",
        ) from error
