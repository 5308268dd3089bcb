"""What an HTTP answer means for the call: done, failed for sure, may pass if tried again, or in doubt."""

import json
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from proctor.contracts.canonical import summarize
from proctor.contracts.tool import Failed, Idempotency, ToolContract, ToolOutcome
from proctor.tools.results import confirm, lost, oversize, unusable

MAX_RESPONSE_BYTES = 1024 * 1024

_NOT_PROCESSED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_PERHAPS_PROCESSED = {HTTPStatus.FOUND, HTTPStatus.SEE_OTHER}
"""Redirects by which a server may answer a request that it has carried out."""


@dataclass(frozen=True)
class Answer:
    """A response as it was received; `body` ends at `MAX_RESPONSE_BYTES` where it is not complete."""

    status: int
    body: bytes
    complete: bool
    headers: httpx.Headers

    @property
    def encoding(self) -> str:
        """Name the compression of the body."""
        return str(self.headers.get("Content-Encoding", "identity"))


def judge(contract: ToolContract, answer: Answer) -> ToolOutcome:
    """Judge what was answered. A redirect is an answer like any other: nothing follows it."""
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return _result(contract, answer)
    why = f"{contract.name}: HTTP {answer.status} {summarize(answer.body[:2000].decode('utf-8', 'replace'))}".strip()
    if contract.is_read:
        may_pass = answer.status in _NOT_PROCESSED or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return Failed(error=why, retryable=may_pass)
    return _refused_effect(contract, answer.status, why)


def _refused_effect(contract: ToolContract, status: int, why: str) -> ToolOutcome:
    """Judge an effect that was answered with an error. `Failed` claims that nothing happened, so doubt is `Unknown`.

    With native idempotency 409 means that the first request with this key is still at work
    (draft-ietf-httpapi-idempotency-key-header, section 2.6), and 503 that the same key may be sent again.
    """
    native = contract.idempotency is Idempotency.NATIVE
    if status in _NOT_PROCESSED or (native and status == HTTPStatus.SERVICE_UNAVAILABLE):
        return Failed(error=why, retryable=True)
    in_doubt = status in _PERHAPS_PROCESSED or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if in_doubt or (native and status == HTTPStatus.CONFLICT):
        return lost(contract, why)
    return Failed(error=why)


def _result(contract: ToolContract, answer: Answer) -> ToolOutcome:
    if not answer.complete:
        return oversize(contract, f"the response has more than {MAX_RESPONSE_BYTES} bytes", None)
    if not answer.body:
        return confirm(contract, None)
    try:
        if answer.encoding != "identity":
            raise ValueError(f"it is compressed as {answer.encoding}")  # noqa: TRY301 - one way out for all of these
        value = json.loads(answer.body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return unusable(contract, f"the response is not JSON: {error}", answer.body.decode("utf-8", "replace"))
    return confirm(contract, value)
