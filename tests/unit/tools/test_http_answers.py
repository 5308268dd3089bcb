"""What HTTP answers mean: results of every type, errors that may pass and that do not, and what planners are told."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from proctor.contracts.tool import Confirmed, Effect, Failed, ToolOutcome, Unknown
from proctor.tools.http_answers import judge
from proctor.tools.http_received import Answer
from proctor.tools.http_results import links_of
from tests.unit.tools.worlds import contract

PROBLEM = "application/problem+json"


def answered(
    status: int, body: Any = b"", effect: Effect = Effect.READ, *, how: Any = None, native: bool = False, **headers: str
) -> ToolOutcome:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    described = {"kind": "http", "method": "GET", "base_url": "https://x", **(how or {})}
    tool = contract(effect, implementation=described, idempotency="native" if native else "none")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(tool, Answer(status, content, complete=True, headers=httpx.Headers(named)))


def result(status: int, body: Any = b"", **given: Any) -> Any:
    outcome = answered(status, body, **given)
    assert isinstance(outcome, Confirmed), outcome
    return outcome.result


def error(status: int, body: Any = b"", **given: Any) -> str:
    outcome = answered(status, body, **given)
    assert isinstance(outcome, Failed), outcome
    return outcome.error


@pytest.mark.parametrize(
    ("status", "read", "effect", "native"),
    [
        (400, "failed", "failed", "failed"),
        (401, "failed", "failed", "failed"),
        (404, "failed", "failed", "failed"),
        (408, "again", "again", "again"),
        (409, "failed", "failed", "unknown"),
        (412, "failed", "failed", "failed"),
        (421, "again", "again", "again"),
        (422, "failed", "failed", "failed"),
        (425, "again", "again", "again"),
        (428, "failed", "failed", "failed"),
        (429, "again", "again", "again"),
        (302, "failed", "unknown", "unknown"),
        (307, "failed", "failed", "failed"),
        (500, "again", "unknown", "unknown"),
        (501, "failed", "unknown", "unknown"),
        (503, "again", "unknown", "again"),
        (504, "again", "unknown", "unknown"),
    ],
)
def test_status_decides_whether_it_failed_may_pass_or_is_in_doubt(
    status: int, read: str, effect: str, native: str
) -> None:
    """`failed` claims that nothing happened, so an effect that may have happened is unknown."""

    def word(outcome: ToolOutcome) -> str:
        if isinstance(outcome, Unknown):
            return "unknown"
        assert isinstance(outcome, Failed)
        return "again" if outcome.retryable else "failed"

    kinds = [(Effect.READ, False), (Effect.WRITE, False), (Effect.WRITE, True)]
    assert [read, effect, native] == [word(answered(status, b"", kind, native=key)) for kind, key in kinds]


def test_time_that_a_service_asks_for_is_a_hint_in_seconds() -> None:
    """`Retry-After` in seconds or as a date; what cannot be read is no hint, and what cannot pass has none."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)

    def asked(status: int, said: str) -> float | None:
        outcome = answered(status, Retry_After=said)
        assert isinstance(outcome, Failed)
        return outcome.retry_after_s

    assert [30.0, 0.0, None, None] == [asked(503, "30"), asked(429, "0"), asked(503, "soon"), asked(404, "30")]
    assert 90 < (asked(503, later) or 0) <= 100
    assert 0 == asked(503, "Wed, 21 Oct 2015 07:28:00 GMT")
    assert "it asks to wait 30 s" in error(429, Retry_After="30")


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (
            {
                "type": "https://x/credit",
                "title": "No credit.",
                "detail": "It costs 50.",
                "errors": [{"pointer": "#/age", "detail": "too low"}],
            },
            PROBLEM,
            "No credit.; It costs 50.; #/age: too low",
        ),
        ({"title": "Bad", "invalid-params": [{"name": "age", "reason": "no"}]}, PROBLEM, "Bad; age: no"),
        ({"error": {"message": "no such model", "code": "x"}}, "application/json", "no such model; x"),
        (
            {"message": "Validation", "errors": ["a", {"field": "b", "code": "missing"}]},
            "application/json",
            "b: missing",
        ),
        ({"detail": [{"loc": ["body", "a"], "msg": "required"}]}, "application/json", "body.a: required"),
        ({"errors": [{"source": {"pointer": "/a"}, "title": "wrong"}]}, "application/vnd.api+json", "/a: wrong"),
        ({"error": "invalid_grant", "error_description": "expired"}, "application/json", "invalid_grant; expired"),
        (b"<html><script>x</script><h1>Bad  gateway</h1></html>", "text/html", "Bad gateway"),
        (b"plain words", "text/plain", "plain words"),
        ({"odd": 1}, "application/json", '{"odd": 1}'),
        (b"[" * 9000, "application/json", "[[["),
    ],
)
def test_errors_are_summed_up_for_whoever_plans_the_next_call(body: Any, content_type: str, told: str) -> None:
    """RFC 9457, the usual forms of JSON, pages, texts: one line of at most 500 characters."""
    said = error(422, body, Content_Type=content_type)
    assert told in said
    assert "HTTP 422; the service refuses the arguments" in said
    assert "\n" not in said
    assert len(said) <= 500


def test_results_of_other_types_are_given_where_the_contract_accepts_them() -> None:
    """Text as text, anything else as base64; a contract that accepts nothing else refuses what is not JSON."""
    both = {"accepts": ["application/json", "text/csv"]}
    assert {"a": 1} == result(200, {"a": 1}, how=both, Content_Type="application/hal+json; charset=utf-8")
    assert {"content_type": "text/csv", "text": "a,b"} == result(200, b"a,b", how=both, Content_Type="text/csv")
    assert {"content_type": "image/png", "base64": "/wA="} == result(
        200, b"\xff\x00", how=both, Content_Type="image/png"
    )
    assert {"content_type": "x/y", "base64": "AA=="} == result(200, b"\x00", how=both, Content_Type="x/y")
    assert "is not JSON" in error(200, b"a,b", Content_Type="text/csv")
    assert [1] == result(200, [1], Content_Type="text/plain")
    assert "compressed" in error(200, b"x", how=both, Content_Type="text/csv", Content_Encoding="br")


@pytest.mark.parametrize("status", [200, 202, 204, 205])
def test_answer_without_a_body_is_a_result_of_null(status: int) -> None:
    """An effect that says nothing has happened all the same."""
    assert result(status, effect=Effect.WRITE) is None


def test_mark_of_byte_order_is_no_part_of_a_body() -> None:
    """Services write it, although JSON has none (RFC 8259, section 8.1)."""
    assert {"a": 1} == result(200, b'\xef\xbb\xbf{"a": 1}')
    assert "not that" in error(404, b'\xef\xbb\xbf{"message": "not that"}')


def test_links_and_counts_reach_the_agent_where_the_body_lacks_them() -> None:
    """Pages are the agent's business: `links.next` and the declared headers are part of the result."""
    link = '<https://x/items?page=2>; rel="next", </items?page=9>; rel=last, <https://x/none>; title="no rel"'
    shown = result(200, [1], how={"shows": ["Link", "X-Total-Count", "Gone"]}, Link=link, X_Total_Count="9" * 900)
    assert [1] == shown["body"]
    assert {"next": "https://x/items?page=2", "last": "/items?page=9"} == shown["links"]
    assert {"Link", "X-Total-Count"} == set(shown["headers"])
    assert "9" * 499 + "…" == shown["headers"]["X-Total-Count"], "marked where it is cut, so that secrets are found"
    assert {"body": None, "headers": {}, "links": {}} == result(204, how={"shows": ["Link"]})
    assert {} == links_of("<" * 5000)
    assert 10 == len(links_of(", ".join(f'<https://x/{n}>; rel="r{n}"' for n in range(50))))


@pytest.mark.parametrize("effect", list(Effect))
def test_result_that_is_nested_without_end_is_not_kept(effect: Effect) -> None:
    """Nothing could write it down: an effect that happened would be told as a fault of ours."""
    for body in (b"[" * 800 + b"]" * 800, b'{"a":' * 100 + b"1" + b"}" * 100):
        outcome = answered(200, body, effect)
        assert "nested more than" in outcome.model_dump_json()
        assert isinstance(outcome, Failed if effect is Effect.READ else Confirmed)


def test_date_that_no_number_holds_asks_for_nothing() -> None:
    """A header must not turn an answer into a fault."""
    zone = "Mon, 01 Jan 2024 00:00:00 +99999999999999999"
    outcome = answered(429, Retry_After=zone)
    assert (True, None) == (getattr(outcome, "retryable", None), getattr(outcome, "retry_after_s", 0))
