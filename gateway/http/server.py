"""The gateway process: opens the parts, serves until it is told to stop, lets requests finish."""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping

import httpx
import structlog
import uvicorn
from fastapi import FastAPI

from gateway.companions import Companions
from gateway.connections import Gateway, connect_store, open_catalog, open_engine
from gateway.http.app import build_app
from gateway.http.composition import open_ways_in
from gateway.http.connections import GuardedProtocol
from gateway.http.login import Login
from gateway.http.oidc import OidcVerifier
from gateway.http.oidc_client import open_sign_in
from gateway.http.parts import HttpParts
from gateway.http.rates import Rates
from gateway.http.settings import HttpSettings
from proctor.contracts.errors import InvalidInput, Unavailable
from proctor.settings import Settings
from proctor.store.postgres import PostgresStore
from proctor.telemetry.logs import set_up_logs
from proctor.telemetry.tracing import Tracing, set_up_tracing

POOL_SIZE = 20
PATIENCE_S = 60.0
"""How long a starting gateway waits for the store."""
KEEP_ALIVE_S = 30
_log = structlog.get_logger(__name__)


def serve_gateway(settings: Settings, environ: Mapping[str, str]) -> int:
    """Run the gateway in this process until SIGTERM or SIGINT; gives the exit code, 0 after a drain.

    The caller flushes and ends with `os._exit`: a Python process that used a Temporal client may crash at exit.

    Raises:
        InvalidInput: a setting cannot be used, or it would listen to others in the clear.
        Unavailable: the store does not answer, or the port is occupied.

    """
    set_up_logs(settings.log_level)
    http = HttpSettings.load(environ)
    check_tls(http)
    tracing = set_up_tracing(settings.otlp_endpoint, "gateway")
    try:
        return asyncio.run(run_gateway(settings, http, environ, tracing))
    finally:
        tracing.shutdown()


def check_tls(http: HttpSettings) -> None:
    """Look whether certificate and key can be used, before anything is opened. Raises `InvalidInput`."""
    if http.tls_cert is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(http.tls_cert, http.tls_key)
    except OSError as error:
        raise InvalidInput(
            "PROCTOR_TLS_CERT and PROCTOR_TLS_KEY are no certificate and its key, or cannot be read",
            hint="give PEM files: the certificate with its chain, and the key that it was made for",
        ) from error


async def run_gateway(settings: Settings, http: HttpSettings, environ: Mapping[str, str], tracing: Tracing) -> int:
    """Run the gateway on the current event loop; see `serve_gateway`."""
    listener = listen(http)
    try:
        port = listener.getsockname()[1]
        url = f"{http.scheme}://{f'[{http.host}]' if ':' in http.host else http.host}:{port}"
        async with open_parts(settings, http, environ, tracing, url) as (parts, app):
            server = Server(config_of(app, http, settings.drain_s))
            with _stopping_on_signals(parts.stopping):
                await _serve(server, listener, parts, url)
    finally:
        listener.close()
    return 0


@contextlib.asynccontextmanager
async def open_parts(
    settings: Settings, http: HttpSettings, environ: Mapping[str, str], tracing: Tracing, url: str
) -> AsyncIterator[tuple[HttpParts, FastAPI]]:
    """Open the parts and build the application over them; close all of it at the end.

    Raises:
        Unavailable: the store did not answer within a minute.

    """
    async with contextlib.AsyncExitStack() as stack:
        store = await _patiently(settings)
        stack.push_async_callback(store.close)
        engine = open_engine(settings, [tracing.plugin()])
        client = await stack.enter_async_context(httpx.AsyncClient())
        oidc = OidcVerifier(http.oidc_issuer, http.oidc_audience, client) if http.oidc_audience else None
        rates = Rates(http.rate, http.login_rate)
        parts = HttpParts(
            gateway=Gateway(settings, store, engine, open_catalog(settings)),
            settings=http,
            rates=rates,
            login=Login(store.people, store.api_keys, store.identities, rates, oidc),
            environ=environ,
            sign_in=open_sign_in(http, client),
            public_url=http.public_url or url,
        )
        ways = await stack.enter_async_context(open_ways_in(parts))
        parts.companions = Companions(ways.companions)
        yield parts, build_app(parts, api=ways.api, others=ways.routes)


def listen(http: HttpSettings) -> socket.socket:
    """Take the port. Raises `Unavailable` when it is occupied."""
    family = socket.AF_INET6 if ":" in http.host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((http.host, http.port))
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"the gateway cannot listen on {http.host}:{http.port}: {error.strerror}",
            hint="set PROCTOR_GATEWAY_PORT to a free port, or 0",
        ) from error
    return listener


class Server(uvicorn.Server):
    """A server that leaves signals to us: ours also end what waits for long."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal."""
        yield


def config_of(app: FastAPI, http: HttpSettings, drain_s: float) -> uvicorn.Config:
    """Say how the application is served."""
    return uvicorn.Config(
        app,
        http=GuardedProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        proxy_headers=bool(http.behind_proxy),
        forwarded_allow_ips=[one.strip() for one in http.behind_proxy.split(",") if one.strip()],
        ssl_certfile=http.tls_cert,
        ssl_keyfile=http.tls_key,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(drain_s)),
    )


async def _serve(server: Server, listener: socket.socket, parts: HttpParts, url: str) -> None:
    beside = asyncio.create_task(parts.companions.run(), name="companions")
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="server")
    stopping = asyncio.create_task(parts.stopping.wait())
    _log.info("gateway_listening", url=url, environment=parts.gateway.settings.environment)
    try:
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        _log.info("gateway_draining")
        server.should_exit = True
        await serving
    finally:
        for task in (beside, stopping):
            task.cancel()
        await asyncio.wait((beside, stopping))
    _log.info("gateway_stopped")


async def _patiently(settings: Settings) -> PostgresStore:
    deadline, pause_s = time.monotonic() + PATIENCE_S, 0.2
    while True:
        try:
            return await connect_store(settings.endpoints(), POOL_SIZE)
        except Unavailable as error:
            if time.monotonic() + pause_s > deadline or "migrate" in error.hint:
                raise
            _log.warning("gateway_waits", reason=error.message, next_try_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 5.0)


@contextlib.contextmanager
def _stopping_on_signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():  # Asked a second time: at once. What was accepted is in the store.
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, int(number))
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
