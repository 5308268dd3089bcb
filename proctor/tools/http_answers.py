"""What an HTTP answer means for the call: done, failed for sure, may pass if tried again, or in doubt."""

from http import HTTPStatus

from proctor.contracts.canonical import summarize
from proctor.contracts.tool import Failed, HttpImplementation, Idempotency, ToolContract, ToolOutcome
from proctor.tools.http_problems import meaning_of, problem_of
from proctor.tools.http_received import MAX_RESPONSE_BYTES, Answer
from proctor.tools.http_results import result_of
from proctor.tools.results import confirm, lost, oversize, unusable

_NOT_PROCESSED = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.MISDIRECTED_REQUEST,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_NEVER = {HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED}
"""The service says that it cannot do this at all."""
_PERHAPS_PROCESSED = {HTTPStatus.FOUND, HTTPStatus.SEE_OTHER}
"""Redirects by which a server may answer a request that it has carried out."""


def judge(contract: ToolContract, answer: Answer) -> ToolOutcome:
    """Judge what was answered. A redirect is an answer like any other: nothing follows it."""
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return _result(contract, answer)
    why = _why(contract, answer)
    if contract.is_read:
        broke = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR and answer.status not in _NEVER
        may_pass = answer.status in _NOT_PROCESSED or broke
        after_s = answer.retry_after_s() if may_pass else None
        return Failed(error=why, retryable=may_pass, is_fault=_is_fault(answer.status), retry_after_s=after_s)
    return _refused_effect(contract, answer, why)


def _is_fault(status: int) -> bool | None:
    """Who is asked to come back later is not met by a fault of the tool."""
    return False if status == HTTPStatus.TOO_MANY_REQUESTS else None


def _refused_effect(contract: ToolContract, answer: Answer, why: str) -> ToolOutcome:
    """Judge an effect that was answered with an error. `Failed` claims that nothing happened, so doubt is `Unknown`.

    With native idempotency 409 means that the first request with this key is still at work
    (draft-ietf-httpapi-idempotency-key-header, section 2.6), and 503 that the same key may be sent again.
    """
    native, status = contract.idempotency is Idempotency.NATIVE, answer.status
    if status in _NOT_PROCESSED or (native and status == HTTPStatus.SERVICE_UNAVAILABLE):
        after_s = answer.retry_after_s()
        return Failed(error=why, retryable=True, is_fault=_is_fault(status), retry_after_s=after_s)
    in_doubt = status in _PERHAPS_PROCESSED or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if in_doubt or (native and status == HTTPStatus.CONFLICT):
        return lost(contract, why)
    return Failed(error=why)


def _why(contract: ToolContract, answer: Answer) -> str:
    wait = answer.retry_after_s()
    asked = f"it asks to wait {wait:.0f} s" if wait is not None else ""
    parts = [f"{contract.name}: HTTP {answer.status}", meaning_of(answer), problem_of(answer), asked]
    return summarize("; ".join(part for part in parts if part), 500)


def _result(contract: ToolContract, answer: Answer) -> ToolOutcome:
    if not answer.complete:
        return oversize(contract, f"the response has more than {MAX_RESPONSE_BYTES} bytes", None)
    assert isinstance(contract.implementation, HttpImplementation)
    try:
        value = result_of(contract.implementation, answer)
    except (ValueError, RecursionError) as error:
        return unusable(contract, f"the response is not JSON: {error}", answer.body.decode("utf-8", "replace"))
    return confirm(contract, value)
