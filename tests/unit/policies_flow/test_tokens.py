"""Texts are split into typed tokens that are compared whole."""

import time

import pytest

from policies.flow.tokens import tokens


def _texts(text: str, *, is_request: bool = False) -> list[str]:
    return [token.text for token in tokens(text, is_request=is_request)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to Bob@Example.COM.", ["word:write", "word:to", "email:bob@example.com"]),
        ("(see https://Example.com/Path?q=1)", ["word:see", "url:example.com/Path?q=1"]),
        ("www.example.com!", ["url:www.example.com"]),
        ("http://example.com:80/", ["url:example.com"]),
        ("example.com:8080/x", ["url:example.com:8080/x"]),
        ("IBAN: DE89370400440532013000,", ["word:iban", "account:DE89370400440532013000"]),
        ("GB29 NWBK 6016 1331 9268 19", ["account:GB29NWBK60161331926819"]),
        ("card 4237-4252-7456-2574", ["word:card", "account:4237425274562574"]),
        ("4237 4252 0456 2574.", ["account:4237425204562574"]),
        ("$1,200.00 or 1200", ["number:1200", "word:or", "number:1200"]),
        ("10% of 0.50", ["percent:10", "word:of", "number:0.5"]),
        ("2024-05-15 10:00", ["date:2024-05-15", "time:10:00"]),
        ("2024-05-15T10:00:00Z", ["date:2024-05-15", "time:10:00"]),
        ("May 15th, 2024 at 2:30 pm", ["date:2024-05-15", "word:at", "time:14:30"]),
        ("15 May", ["date:--05-15"]),
        ("10:00-11:00", ["time:10:00", "time:11:00"]),
        ("'bill-december-2023.txt'", ["file:bill-december-2023.txt"]),
        ("Alice's #channel", ["word:alice", "word:channel"]),
        ("+1 (555) 123-4567", ["number:1", "number:555", "code:123-4567"]),
        ("+15551234567", ["number:15551234567"]),
        ("555-123-4567", ["phone:5551234567"]),
        ("1j1l-2k3j", ["code:1j1l-2k3j"]),
        ("***", ["symbol:***"]),
    ],
)
def test_text_is_split_into_typed_tokens(text: str, expected: list[str]) -> None:
    """Each kind of token is recognised in a sentence, and normalised."""
    assert expected == _texts(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://good.example@evil.example/",
        "https://good.example.evil.example/",
        "https://evil.example/good.example",
        "good.example.evil.example",
        "mailto:x@good.example",
        "javascript:good.example",
        "ftp://good.example",
        "good.example\\.evil.example",
        "https://good.example:444",
        "https://good.example/?leak=1",
        "https://good.example/#leak",
    ],
)
def test_url_that_only_looks_like_another_is_another(text: str) -> None:
    """No way of writing one URL yields the token of a different one."""
    assert "url:good.example" not in _texts(text)


@pytest.mark.parametrize(
    "text",
    ["https://x.example", "x.example", "a@x.example", "DE89370400440532013000", "12345678", "4237-4252-7456-2574"],
)
def test_what_a_reader_may_follow_is_a_link(text: str) -> None:
    """Addresses, links, accounts and long numbers count as links."""
    assert [True] == [token.is_link for token in tokens(text)]


@pytest.mark.parametrize("text", ["report.pdf", "10:00", "2024-05-15", "hello", "1200", "1j1l-2k3j"])
def test_plain_words_are_no_links(text: str) -> None:
    """Words, amounts, dates and file names lead nowhere."""
    assert [False] == [token.is_link for token in tokens(text)]


@pytest.mark.parametrize(("text", "is_name"), [("order 7", True), ("#7", True), ("7 people", False), ("98765", True)])
def test_number_is_an_identifier_only_where_the_text_says_so(text: str, *, is_name: bool) -> None:
    """A quantity is no identifier."""
    assert is_name is any(token.is_name for token in tokens(text))


def test_full_stop_without_a_space_ends_a_sentence_in_the_request_only() -> None:
    """The requester's slip of the pen is read kindly; a stranger's text is not."""
    assert "url:www.example.com" in _texts("our site www.example.com.They sent it", is_request=True)
    assert "url:www.example.com" not in _texts("our site www.example.com.They sent it")


@pytest.mark.parametrize(
    "unit", ["1,111", "a.", "[", "http://", "GB29 ", "1-", "a@", "https:", "May 1 ", "'", "#", "10:", "é", "x" * 50]
)
def test_splitting_is_linear_whatever_the_text(unit: str) -> None:
    """A hostile text of 50,000 characters is split in a moment; anything quadratic would take minutes."""
    text = unit * (50_000 // len(unit))
    begun = time.process_time()
    tokens(text)
    assert time.process_time() - begun < 3
