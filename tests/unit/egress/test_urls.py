"""URLs: what a strict list allows, and that other readers see the same place in all that it allows."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import urllib3
import yarl

from proctor.contracts.egress import EgressEntry
from proctor.contracts.errors import EgressDenied, InvalidInput
from proctor.tools.egress.reading import MAX_URL_CHARS, PORTS, read_url
from proctor.tools.egress.rules import EgressRules
from proctor.tools.egress.verdicts import EgressJudge

CASES = [json.loads(line) for line in (Path(__file__).parent / "urls.jsonl").read_text().splitlines()]
ENTRY = EgressEntry.model_validate({"host": "kb.internal.company", "port": 443, "cidrs": ["10.20.0.0/16"]})
KINDS = [
    *("decimal_ip", "hex_ip", "octal_ip", "short_ip", "ipv4", "ipv6", "lookalike", "malformed", "names"),
    *("parser_confusion", "port", "scheme", "trailing_dot", "unicode", "userinfo", "allow"),
]
Origin = tuple[str, str, int]


def test_every_case_comes_out_as_expected() -> None:
    """No spelling of another place gets through, and no path or query is held against the right one."""
    verdicts = EgressJudge([ENTRY]).verdicts(json.dumps(case) for case in CASES)
    wrong = [
        (case["id"], case["url"], verdict.reason)
        for case, verdict in zip(CASES, verdicts, strict=True)
        if verdict.is_allowed is not (case["expect"] == "allow") or not verdict.is_usable or not verdict.reason
    ]
    assert [] == wrong
    assert sorted(KINDS) == sorted(Counter(case["cat"] for case in CASES))


@pytest.mark.parametrize("url", [None, 7, [], {}, True, ""])
def test_what_is_no_text_is_no_url(url: object) -> None:
    """A line without a usable URL is denied, and is no error."""
    assert ["deny"] == [
        verdict.told()["verdict"] for verdict in EgressJudge([ENTRY]).verdicts([json.dumps({"url": url})])
    ]


def test_length_limit_is_8192_characters() -> None:
    """Readers cut off differently; one more than the limit is refused."""
    base = "https://kb.internal.company/"
    assert read_url(base + "a" * (MAX_URL_CHARS - len(base))).path.startswith("/aaa")
    with pytest.raises(EgressDenied, match="longer than 8192"):
        read_url(base + "a" * (MAX_URL_CHARS - len(base) + 1))


OTHER_READERS: dict[str, Callable[[str], Origin]] = {
    "urllib": lambda url: _usual(urlsplit(url).scheme, urlsplit(url).hostname, urlsplit(url).port),
    "httpx": lambda url: _usual(httpx.URL(url).scheme, httpx.URL(url).raw_host.decode(), httpx.URL(url).port),
    "yarl": lambda url: _usual(yarl.URL(url).scheme, yarl.URL(url).raw_host, yarl.URL(url).port),
    "urllib3": lambda url: _usual(
        urllib3.util.parse_url(url).scheme, urllib3.util.parse_url(url).host, urllib3.util.parse_url(url).port
    ),
}


def test_other_readers_see_the_same_place_in_all_that_is_read() -> None:
    """Thousands of mangled URLs: where ours reads one, urllib, httpx, yarl and urllib3 read the same origin in it."""
    apart, read = [], 0
    for url in mangled(random.Random(20), 6000):
        try:
            origin = read_url(url).origin
        except EgressDenied:
            continue
        read += 1
        apart += [(name, url) for name, reader in OTHER_READERS.items() if reader(url) != origin]
    assert [] == apart
    assert read > 200


PIECES = [
    *list("/\\?#@:;,.%[]{}|^`<>\"'&=+$!*()~ \t\n\r\0-_0aAZ"),
    *(
        "\u00ad",
        "\u200b",
        "\u3002",
        "\uff0f",
        "\uff20",
        "\u212a",
        "//",
        "..",
        "%2f",
        "%40",
        "%5c",
        "%00",
        "@evil.example",
    ),
    *("127.0.0.1", "[::1]", ":443", ":80", ".evil.example", "https://", "http://", "xn--", "0x7f", "#@", "?@"),
]


def mangled(chance: random.Random, count: int) -> Iterator[str]:
    seeds = [case["url"] for case in CASES if isinstance(case["url"], str) and len(case["url"]) < 300]
    seeds += ["https://1.1.1.1/", "https://[2606:4700::1111]/", "http://a_b.example:8080/"] * 20
    for _ in range(count):
        url = chance.choice(seeds)
        for _ in range(chance.randint(1, 3)):
            at = chance.randint(0, len(url))
            url = url[:at] + (chance.choice(PIECES) + url[at:] if chance.random() < 0.7 else url[at + 1 :])
        yield url


def _usual(scheme: str | None, host: str | None, port: int | None) -> Origin:
    scheme = (scheme or "").lower()
    return scheme, (host or "").strip("[]").lower(), port or PORTS[scheme]


PREFIXED = EgressEntry.model_validate({"host": "kb.internal.company", "path_prefix": "/v1/kb", "methods": ["GET"]})


@pytest.mark.parametrize(
    "path", ["/v1/kb", "/v1/kb/", "/v1/kb/x?y=/../z", "/v1/kb//x", "/v1/kb/a%20b", "/v1/kb/..x/.y"]
)
def test_path_below_the_prefix_is_allowed(path: str) -> None:
    """By whole segments, on the path as it is sent."""
    url = read_url("https://kb.internal.company" + path)
    assert 1 == len(EgressRules([PREFIXED]).admit(url, "GET"))


@pytest.mark.parametrize(
    "path",
    [
        *(
            "",
            "/",
            "/v1",
            "/v1/kbx",
            "/V1/kb",
            "/v1/kb;x",
            "//v1/kb",
            "/v1//kb",
            "/x/v1/kb",
            "/v1/kb%2fx",
            "/v1%2fkb/x",
        ),
        *("/v1/kb/../admin", "/v1/kb/./x", "/v1/kb/%2e%2e/x", "/v1/kb/%252e%252e/x", "/v1/kb/.%2e/x", "/v1/kb/..;/x"),
        *("/v1/kb/..", "/v1/kb/x%2f..%2fadmin", "/v1/kb/%5c..%5cx", "/v1/kb/%252fx", "/v1/kb/a%00b", "/v1/kb/a%0ab"),
        *("/v1/kb/..%3b/x", "/%761/kb", "/v1/%6bb"),
    ],
)
def test_path_that_a_server_could_fold_out_of_the_prefix_is_denied(path: str) -> None:
    """However often a server decodes it."""
    with pytest.raises(EgressDenied, match="prefix"):
        EgressRules([PREFIXED]).admit(read_url("https://kb.internal.company" + path), "GET")


def test_each_part_of_an_entry_narrows() -> None:
    """Another method, port, scheme or host is another place."""
    rules = EgressRules([PREFIXED])
    assert rules.admit(read_url("https://kb.internal.company/v1/kb"), "GET")
    for method, url in (
        ("POST", "https://kb.internal.company/v1/kb"),
        ("get", "https://kb.internal.company/v1/kb"),
        ("GET", "http://kb.internal.company/v1/kb"),
        ("GET", "https://kb.internal.company:8443/v1/kb"),
        ("GET", "https://x.kb.internal.company/v1/kb"),
    ):
        with pytest.raises(EgressDenied):
            rules.admit(read_url(url), method)
    with pytest.raises(EgressDenied, match="no entry"):
        EgressRules([]).admit(read_url("https://kb.internal.company/v1/kb"), "GET")


def test_suffix_means_names_below_it_and_no_address() -> None:
    """`*.internal.company` is neither `internal.company` nor whatever ends like it."""
    rules = EgressRules([EgressEntry(host="*.internal.company")])
    assert rules.admit(read_url("https://kb.internal.company/"), "GET")
    assert rules.admit(read_url("https://a.b.internal.company/"), "GET")
    for host in ("internal.company", "xinternal.company", "internal.company.evil.example", "10.20.0.5"):
        with pytest.raises(EgressDenied):
            rules.admit(read_url(f"https://{host}/"), "GET")


@pytest.mark.parametrize(
    "host",
    ["", "*", "*.", "*.10.0.0.1", "a*", "kb..x", "kb.", "b\u00fccher.example", "127.1", "http://x", "x:1", "u@x"],
)
def test_entry_that_no_url_can_name_is_a_mistake(host: str) -> None:
    """It would allow nothing, and look as if it did."""
    with pytest.raises(InvalidInput, match="cannot be used"):
        EgressRules([EgressEntry(host=host)])


@pytest.mark.parametrize("prefix", ["/a?b", "/a#b", "/a/../b", "/a/%2e%2e/b", "/a b", "/a\\b", "/%zz", "/b\u00fccher"])
def test_entry_whose_path_no_url_can_lie_under_is_a_mistake(prefix: str) -> None:
    """It would deny all that it is meant to allow, and never say so."""
    with pytest.raises(InvalidInput, match="the egress path"):
        EgressRules([EgressEntry(host="kb.internal.company", path_prefix=prefix)])


def test_entry_with_a_url_for_a_host_is_told_which_keys_there_are() -> None:
    """A newcomer writes a URL there first."""
    with pytest.raises(InvalidInput) as raised:
        EgressRules([EgressEntry(host="http://x")])
    assert "`scheme`, `port` and `path_prefix` are keys of their own" in raised.value.diagnostics()


def test_policy_reads_no_host_that_the_client_refuses_to_name() -> None:
    """What is handed to policy for judging is what the client connects to."""
    from policies.egress import EgressList
    from proctor.tools.egress.settings import hosts_of

    entries = [ENTRY, EgressEntry(host="*.wiki.example"), EgressEntry(scheme="http", host="::1", port=81)]
    hosts = hosts_of(entries)
    assert ("kb.internal.company", "_anyone.wiki.example", "[::1]:81") == hosts
    assert EgressList(["kb.internal.company", "*.wiki.example", "[::1]"], []).first_refused(hosts) is None
    assert "_anyone.wiki.example" == EgressList(["*.internal.company", "x.wiki.example"], []).first_refused(hosts)


@pytest.mark.parametrize("host", ["kb\u3002internal.company", "b\u00fccher.example"])
def test_host_outside_ascii_is_told_how_it_is_written(host: str) -> None:
    """It is refused as it stands, and never translated: readers translate differently."""
    with pytest.raises(EgressDenied, match="xn--"):
        read_url(f"https://{host}/")


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("[::ffff:a14:5]", "carries an IPv4"),
        ("[64:ff9b::a14:5]", "carries an IPv4"),
        ("[2002:a14:5::1]", "carries an IPv4"),
        ("xn--zzzzzz.company", "not IDNA"),
    ],
)
def test_host_that_stands_for_another_is_refused_on_any_list(host: str, said: str) -> None:
    """Also where an entry would name it as it is written."""
    with pytest.raises(EgressDenied, match=said):
        read_url(f"https://{host}/")
