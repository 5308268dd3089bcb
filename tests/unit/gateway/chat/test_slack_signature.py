"""Slack's signature as we check it ourselves, before anything is remembered or handed to Slack's library."""

import pytest

from gateway.chat.slack_http import check_signature
from proctor.contracts.errors import NotAuthorised
from tests.integration.chat.slack_workspace import signature

NOW, BODY, SECRET = 1_800_000_000, b"payload=x", "shhh"


def _headers(stamp: str, body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    return signature(body, stamp, secret)


@pytest.mark.parametrize("age_s", [-300, 0, 300])
def test_what_slack_signed_within_five_minutes_is_named_by_its_signature(age_s: int) -> None:
    """Either side of our clock."""
    headers = _headers(str(NOW - age_s))
    assert headers["x-slack-signature"] == check_signature(SECRET, headers, BODY, NOW)


@pytest.mark.parametrize(
    "headers",
    [
        _headers(str(NOW - 301)),
        _headers(str(NOW + 301)),
        _headers(str(NOW), body=b"payload=y"),
        _headers(str(NOW), secret="guessed"),
        {**_headers(str(NOW)), "x-slack-request-timestamp": str(NOW - 1)},
        {**_headers(str(NOW)), "x-slack-signature": "v0=é"},
        *(_headers(stamp) for stamp in ("", "now", "²", f"{NOW}.0", f"-{NOW}", "0" * 5000 + str(NOW))),
    ],
)
def test_what_is_old_ahead_odd_or_signed_otherwise_is_refused(headers: dict[str, str]) -> None:
    """Whatever Slack's library would say of it later."""
    with pytest.raises(NotAuthorised):
        check_signature(SECRET, headers, BODY, NOW)
