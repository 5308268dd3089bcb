"""Our errors on the wire, as problem details (RFC 9457), and back: one table for the gateway and for who asks it."""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from proctor.contracts.errors import (
    Corrupted,
    Fenced,
    IdempotencyConflict,
    InvalidDocument,
    InvalidInput,
    NotAuthorised,
    OversizeInput,
    PlannerFailed,
    ProctorError,
    Refused,
    Unavailable,
    UnknownName,
)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:proctor:problem:"

_KINDS: Final[tuple[tuple[str, type[ProctorError], int, str], ...]] = (
    # The first kind whose class an error is of; the last column is the title.
    ("unknown-name", UnknownName, 404, "There is nothing of that name"),
    ("oversize-input", OversizeInput, 413, "Too large"),
    ("idempotency-conflict", IdempotencyConflict, 409, "The idempotency key belongs to another request"),
    ("invalid-document", InvalidDocument, 409, "A document of the installation is wrong"),
    ("invalid-input", InvalidInput, 422, "The input cannot be used"),
    ("not-authorised", NotAuthorised, 403, "You may not do this"),
    ("fenced", Fenced, 409, "A kill covers this"),
    ("refused", Refused, 409, "Policy or the state of things forbids this"),
    ("unavailable", Unavailable, 503, "A part that is needed does not answer"),
    ("planner-failed", PlannerFailed, 502, "A planner gave nothing usable"),
    ("corrupted", Corrupted, 500, "Stored state contradicts itself"),
    ("internal", ProctorError, 500, "Something went wrong inside"),
)
_OTHERS: Final[dict[str, tuple[int, type[ProctorError]]]] = {
    # What has no error of ours behind it, and which error it is for who asked.
    "not-authenticated": (401, NotAuthorised),
    "invalid-request": (422, InvalidInput),
    "malformed-body": (400, InvalidInput),
    "slow-body": (408, Unavailable),
    "no-such-path": (404, InvalidInput),
    "method-not-allowed": (405, InvalidInput),
    "media-type": (415, InvalidInput),
    "too-many-requests": (429, Unavailable),
}


class ProblemDetail(BaseModel):
    """One thing that is wrong with a request."""

    where: str
    """Which part, such as `body.goal` or `query.limit`."""
    what: str


class Problem(BaseModel):
    """Problem details (RFC 9457). `type` tells kinds apart; `detail` and `hint` are for people."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: str = Field(examples=[f"{TYPE_PREFIX}unknown-name"])
    title: str
    status: int
    detail: str = ""
    hint: str = ""
    """What to try."""
    request_id: str = ""
    """Names the request in the gateway's logs."""
    errors: tuple[ProblemDetail, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Give what goes over the wire, without empty parts."""
        return {key: value for key, value in self.model_dump(mode="json").items() if value not in ("", [])}


def problem_of(error: ProctorError, request_id: str = "") -> Problem:
    """Describe an error of ours. What went wrong inside is for the logs, not for who asked."""
    kind, _, status, title = next(entry for entry in _KINDS if isinstance(error, entry[1]))
    return Problem(
        type=f"{TYPE_PREFIX}{kind}",
        title=title,
        status=status,
        detail=error.message,
        hint=error.hint,
        request_id=request_id,
    )


def other_problem(kind: str, title: str, detail: str = "", *, hint: str = "", request_id: str = "") -> Problem:
    """Describe what has no error of ours behind it; `kind` is one of a closed list."""
    status = _OTHERS[kind][0]
    return Problem(
        type=f"{TYPE_PREFIX}{kind}", title=title, status=status, detail=detail, hint=hint, request_id=request_id
    )


def error_of(problem: Problem) -> ProctorError:
    """Give the error that a problem stands for, as it would have been raised here."""
    kind = problem.type.removeprefix(TYPE_PREFIX)
    found = next((entry[1] for entry in _KINDS if entry[0] == kind), None) or _OTHERS.get(kind, (0, ProctorError))[1]
    message = problem.detail or problem.title
    if problem.errors:
        message = f"{message}: {'; '.join(map(_told, problem.errors))}"
    if found is InvalidDocument:
        return InvalidInput(message, hint=problem.hint)
    return found(message, hint=problem.hint)


def _told(one: ProblemDetail) -> str:
    """Say what is wrong to who wrote a file and no request: `body` is the whole of it."""
    where = one.where.removeprefix("body").removeprefix(".")
    return f"{where}: {one.what}" if where else one.what
