"""Health and metrics of the gateway itself."""

import asyncio
import time
from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from starlette.responses import JSONResponse, Response

from gateway.http.callers import address_of, caller
from gateway.http.parts import HttpParts
from gateway.http.scraping import ScrapeToken
from gateway.http.settings import is_loopback
from proctor.contracts.errors import NotAuthorised, ProctorError
from proctor.contracts.human import Role

PROBE_TIMEOUT_S = 2.0
KEPT_S = 1.0
"""How long an answer of `/readyz` is kept: whoever asks it often does not ask the store so often."""


@dataclass
class Readiness:
    """Whether the parts answer."""

    parts: HttpParts
    _reasons: tuple[str, ...] = ()
    _asked_at: float = field(default=float("-inf"))
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def reasons(self) -> tuple[str, ...]:
        """Name the parts that do not answer; no details, anybody may ask."""
        if self.parts.stopping.is_set():
            return ("draining",)
        async with self._asking:
            if time.monotonic() - self._asked_at > KEPT_S:
                found = await asyncio.gather(self._store(), self._engine())
                self._reasons = tuple(name for name in found if name)
                self._asked_at = time.monotonic()
        return self._reasons

    async def _store(self) -> str:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                await self.parts.gateway.store.kills.active()
        except (ProctorError, TimeoutError):
            return "the store does not answer"
        return ""

    async def _engine(self) -> str:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                await self.parts.gateway.engine.ping()
        except (ProctorError, TimeoutError):
            return "Temporal does not answer"
        return ""


def build_routes(parts: HttpParts) -> APIRouter:
    """Give the routes of operations. Raises `InvalidInput` for a token of metrics that cannot be used."""
    router = APIRouter(include_in_schema=False)
    readiness, scraping = Readiness(parts), ScrapeToken.load(parts.environ)

    async def readyz() -> JSONResponse:
        """Say whether the gateway can do its work now."""
        reasons = await readiness.reasons()
        troubles = sorted(parts.companions.troubles)
        content = {"ready": not reasons, "reasons": list(reasons), "in_trouble": troubles}
        return JSONResponse(content, status_code=503 if reasons else 200)

    async def metrics(request: Request) -> Response:
        """Give metrics to this machine, and elsewhere to whom the token is given, operators and auditors."""
        if not is_loopback(address_of(request)) or parts.settings.behind_proxy:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            given = token if scheme.lower() == "bearer" else ""
            if not scraping.is_given(given):
                await _check_may_look(request, given)
        body = parts.metrics.render(len(parts.companions.troubles))
        return PlainTextResponse(body, media_type="text/plain; version=0.0.4; charset=utf-8")

    router.get("/healthz")(healthz)
    router.get("/readyz")(readyz)
    router.get("/metrics")(metrics)
    return router


async def healthz() -> dict[str, bool]:
    """Say that the process lives."""
    return {"alive": True}


async def _check_may_look(request: Request, token: str) -> None:
    from fastapi.security import HTTPAuthorizationCredentials

    given = HTTPAuthorizationCredentials(scheme="Bearer", credentials=token) if token else None
    principal = await caller(request, given)
    if not principal.roles & {Role.OPERATOR, Role.AUDITOR}:
        raise NotAuthorised(f"{principal.name} may not see metrics", hint="it takes the role operator or auditor")
