"""Every error as a problem (RFC 9457), and what the OpenAPI document says of them."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from gateway.http.callers import NotAuthenticated
from gateway.http.rates import TooManyRequests
from gateway.problems import MEDIA_TYPE, TYPE_PREFIX, Problem, ProblemDetail, other_problem, problem_of
from gateway.unfitting import misfit
from proctor.contracts.errors import ProctorError

RETRY_AFTER_S = 2
MOST_DETAILS = 20
INSIDE = frozenset({500, 503})
"""What is wrong inside, such as addresses and queries, is for the logs."""
_WORDS = {
    400: "The body is not JSON that can be used",
    401: "Nobody is signed in, or the credential lets nobody in",
    403: "The caller may not do this",
    404: "There is nothing of that name, or the caller may not see it",
    405: "The path does not take this method",
    408: "The body did not arrive in time",
    409: "Policy, a fence or the state of things forbids this, or the idempotency key belongs to another request",
    413: "The body is too large",
    415: "The body is not application/json",
    422: "The request does not fit its schema, or cannot be used",
    429: "Too many requests of this principal, or failed logins from this address",
    500: "Something went wrong inside; the logs name the request's id",
    502: "A planner gave nothing usable",
    503: "A part that is needed does not answer",
}
_log = structlog.get_logger(__name__)


def _documented() -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": "#/components/schemas/Problem"}
    wait = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}
    return {
        status: {
            "description": words,
            "content": {MEDIA_TYPE: {"schema": schema}},
            **({"headers": wait} if status in {429, 503} else {}),
        }
        for status, words in _WORDS.items()
    }


PROBLEMS = _documented()
"""`responses` of every router under `/v1`."""


def add_error_answers(app: FastAPI) -> None:
    """Answer every error with a problem."""
    app.add_exception_handler(ProctorError, _ours)
    app.add_exception_handler(NotAuthenticated, _not_authenticated)
    app.add_exception_handler(TooManyRequests, _too_many)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def problem_answer(request: Request, problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """Give a problem as the answer to a request."""
    named = problem.model_copy(update={"request_id": getattr(request.state, "request_id", "")})
    return JSONResponse(named.as_json(), status_code=problem.status, headers=headers, media_type=MEDIA_TYPE)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProctorError)
    problem = problem_of(error)
    if problem.status in INSIDE:
        _log.error("request_failed", reason=error.diagnostics(), kind=type(error).__name__)
        problem = problem.model_copy(
            update={"detail": "", "hint": "the gateway's log says more, under this request's id"}
        )
    headers = {"retry-after": str(RETRY_AFTER_S)} if problem.status == 503 else None  # noqa: PLR2004 - unavailable
    return problem_answer(request, problem, headers)


async def _not_authenticated(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, NotAuthenticated)
    problem = other_problem("not-authenticated", "Not authenticated", error.error.message, hint=error.error.hint)
    return problem_answer(request, problem, {"www-authenticate": 'Bearer realm="proctor"'})


async def _too_many(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TooManyRequests)
    problem = other_problem(
        "too-many-requests", "Too many requests", error.what, hint=f"wait {error.retry_after_s} seconds"
    )
    return problem_answer(request, problem, {"retry-after": str(error.retry_after_s)})


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = tuple(
        ProblemDetail(where=".".join(map(str, one["loc"]))[:200], what=misfit(one)[:1000])
        for one in error.errors()[:MOST_DETAILS]
    )
    problem = other_problem("invalid-request", "The request does not fit its schema", "the request cannot be used")
    return problem_answer(request, problem.model_copy(update={"errors": found}))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kinds = {404: ("no-such-path", "There is no such path"), 405: ("method-not-allowed", "Method not allowed")}
    kind, title = kinds.get(error.status_code, ("http", str(error.detail)))
    problem = Problem(type=f"{TYPE_PREFIX}{kind}", title=title, status=error.status_code)
    return problem_answer(request, problem, dict(error.headers or {}))
