import pytest

from policies.hosts import Host, parse_host, parse_pattern


@pytest.mark.parametrize(
    ("text", "name", "port"),
    [
        ("KB.Internal.Company.", "kb.internal.company", None),
        ("kb:443", "kb", 443),
        ("bücher.example", "xn--bcher-kva.example", None),
        ("[0:0::1]:80", "::1", 80),
        ("10.0.0.1", "10.0.0.1", None),
    ],
)
def test_host_is_normalised(text: str, name: str, port: int | None) -> None:
    """Case, trailing dot, non-ASCII names and address spellings make no difference."""
    host = parse_host(text)
    assert (name, port) == (host.name, host.port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a..b",
        "a b",
        "http://a",
        "a/b",
        "user@a",
        "a:0",
        "a:65536",
        "a:x",
        "a:",
        "::1",
        "[::1",
        "127.1",
        "0x7f.1",
        "1.2.3.256",
        "-a.com",
        "straße.de",
        "a" * 64,
        "*.a.com",
    ],
)
def test_what_is_not_a_host_is_refused(text: str) -> None:
    """Nothing that a resolver or browser would read in another way gets through."""
    with pytest.raises(ValueError):  # noqa: PT011 - the message is for people and differs
        parse_host(text)


def test_suffix_pattern_covers_subdomains_and_not_the_suffix() -> None:
    """`*.a.com` is not `a.com`, nor anything that merely ends in it."""
    pattern = parse_pattern("*.A.com")
    covered = [pattern.covers(parse_host(text)) for text in ("x.a.com", "y.x.a.com", "a.com", "xa.com")]
    assert covered == [True, True, False, False]


def test_pattern_with_a_port_needs_that_port() -> None:
    """A call that does not name its port is not covered by a pattern that does."""
    pattern = parse_pattern("a.com:8443")
    assert [pattern.covers(Host("a.com", port)) for port in (8443, 443, None)] == [True, False, False]


@pytest.mark.parametrize("text", ["*.", "*.*", "*a.com", "*.10.0.0.1", "**", "https://a.com", "a.*"])
def test_what_is_not_a_pattern_is_refused(text: str) -> None:
    """Only `*`, a host and `*.suffix` are patterns."""
    with pytest.raises(ValueError):  # noqa: PT011 - the message is for people and differs
        parse_pattern(text)
