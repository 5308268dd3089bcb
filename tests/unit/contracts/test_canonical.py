"""One line for history."""

from proctor.contracts.canonical import summarize


def test_summary_is_one_short_line_that_any_payload_can_carry() -> None:
    """A tool may raise or return any characters; a lone surrogate must not end the run that it tells of."""
    assert "a b" == summarize(" a\n\t b ")
    assert 200 == len(summarize("x" * 300))
    assert "\\ud800 ☕" == summarize("\ud800 ☕")
    summarize("\udfff" * 300).encode()
