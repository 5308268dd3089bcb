"""Addresses and redirects: every answer of the one resolution counts, and each hop is judged like the first."""

import ipaddress
import json
from typing import Any

import pytest

from proctor.contracts.egress import EgressEntry
from proctor.contracts.errors import EgressDenied
from proctor.tools.egress.networks import is_public, read_address
from proctor.tools.egress.verdicts import EgressJudge

NET = ["10.20.0.0/16"]
ENTRY = EgressEntry.model_validate({"host": "kb.internal.company", "cidrs": NET})
JUDGE = EgressJudge([ENTRY, EgressEntry(host="www.example.com")])


def verdict(**line: Any) -> str:
    (found,) = JUDGE.verdicts([json.dumps({"id": 1, "url": "https://kb.internal.company/r", **line})])
    assert found.is_usable
    return str(found.told()["verdict"])


@pytest.mark.parametrize(
    "answers",
    [
        *([["10.20.0.5"]], [["10.20.0.0"]], [["10.20.255.255"]], [["10.20.0.5", "10.20.9.9"]]),
        [["10.20.0.5"], ["169.254.169.254"]],
    ],
)
def test_addresses_within_the_network_are_allowed(answers: list[list[str]]) -> None:
    """An internal host legitimately has private addresses; what a second resolution would say does not matter."""
    assert "allow" == verdict(dns_answers=answers, allowed_cidrs=NET)
    assert "allow" == verdict(dns_answers=answers)


@pytest.mark.parametrize(
    "address",
    [
        *("10.21.0.5", "10.19.255.255", "192.168.0.1", "93.184.216.34", "127.0.0.1", "0.0.0.0", "169.254.169.254"),
        *("::1", "::", "::ffff:10.20.0.5", "::ffff:169.254.169.254", "::10.20.0.5", "64:ff9b::a14:5", "2002:a14:5::1"),
        *("2001:0:4136:e378:8000:63bf:f5eb:fffa", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fc00::1", "ff02::1"),
        *(
            "",
            "nope",
            "10.20.5",
            "010.20.0.5",
            "0x0a140005",
            "169083909",
            "10.20.0.5/32",
            "10.20.0.5:443",
            " 10.20.0.5",
        ),
    ],
)
def test_one_bad_answer_spoils_all(address: str) -> None:
    """Whichever of them would be tried first."""
    assert "deny" == verdict(dns_answers=[[address]], allowed_cidrs=NET)
    assert "deny" == verdict(dns_answers=[["10.20.0.5", address]])
    assert "deny" == verdict(dns_answers=[[address, "10.20.0.5"]])


def test_no_answer_is_a_denial() -> None:
    """There is nowhere to go."""
    assert ["deny", "deny"] == [verdict(dns_answers=[[]]), verdict(dns_answers=[])]


@pytest.mark.parametrize(
    ("networks", "address", "expected"),
    [
        (["0.0.0.0/0"], "127.0.0.1", "deny"),
        (["0.0.0.0/0"], "169.254.169.254", "deny"),
        (["0.0.0.0/0"], "168.63.129.16", "deny"),
        (["0.0.0.0/0"], "8.8.8.8", "allow"),
        (["100.64.0.0/10"], "100.100.100.200", "deny"),
        (["100.64.0.0/10"], "100.64.0.1", "allow"),
        (["100.100.100.200/32"], "100.100.100.200", "allow"),
        (["127.0.0.0/8"], "127.0.0.1", "allow"),
        (["127.0.0.1/32"], "127.0.0.2", "deny"),
        (["126.0.0.0/7"], "127.0.0.1", "deny"),
        (["169.254.169.254/32"], "169.254.169.254", "allow"),
        (["::1/128"], "::1", "allow"),
        (["::/0"], "::1", "deny"),
        (["::/0"], "fe80::1", "deny"),
        (["::/0"], "::ffff:127.0.0.1", "deny"),
        (["::ffff:0:0/96"], "::ffff:127.0.0.1", "deny"),
        (["64:ff9b::/96"], "64:ff9b::7f00:1", "deny"),
        (["fd00::/8"], "fd00:ec2::254", "deny"),
        (["fd00::/8"], "fd12::1", "allow"),
        (["fd00:ec2::/32"], "fd00:ec2::254", "allow"),
        ([], "93.184.216.34", "allow"),
        ([], "2606:4700::1111", "allow"),
        ([], "10.20.0.5", "deny"),
        ([], "127.0.0.1", "deny"),
        ([], "168.63.129.16", "deny"),
    ],
)
def test_wide_network_brings_in_nothing_guarded(networks: list[str], address: str, expected: str) -> None:
    """Loopback, link-local and metadata are meant only by a network that lies wholly among them."""
    assert expected == verdict(dns_answers=[[address]], allowed_cidrs=networks)


SPECIAL = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.168.0.0/16
198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 ::/8 64:ff9b::/96 100::/64 2001::/23 2001:db8::/32
2002::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
"""


def test_no_public_address_is_special_in_the_eyes_of_the_standard_library() -> None:
    """The table is ours; `ipaddress` is a witness that nothing was left out of it."""
    networks = [ipaddress.ip_network(text) for text in SPECIAL.split()]
    inside = [edge for network in networks for edge in (network[0], network[-1])]
    outside = [type(network[0])(int(network[0]) - 1) for network in networks if int(network[0])]
    assert [] == [str(address) for address in inside if is_public(address)]
    claimed = {str(address) for address in (*inside, *outside) if is_public(address)}
    assert [] == [text for text in claimed if not ipaddress.ip_address(text).is_global]
    assert {"9.255.255.255", "100.63.255.255", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff"} <= claimed


@pytest.mark.parametrize(
    ("status", "location"),
    [
        *((302, "/next"), (301, "next?x=1"), (307, "?page=2"), (308, "https://kb.internal.company/x"), (303, "../x")),
        *(
            (302, "//kb.internal.company/x"),
            (302, "HTTPS://KB.internal.company:443/x"),
            (302, "https://www.example.com/"),
        ),
        *(
            (302, "/%5cevil.example"),
            (302, "//kb.internal.company//evil.example/"),
            (302, ".//evil.example/"),
            (302, "/@evil.example"),
        ),
        *(
            (200, "https://evil.example/"),
            (201, "http://169.254.169.254/"),
            (304, "https://evil.example/"),
            (404, "//evil.example/"),
        ),
    ],
)
def test_redirect_to_where_an_entry_allows_is_allowed(status: int, location: str) -> None:
    """Each hop is judged like the first request; a Location of what is no redirect is not followed."""
    assert "allow" == verdict(redirect=[status, location])


@pytest.mark.parametrize(
    "location",
    [
        *(
            "https://evil.example/",
            "http://169.254.169.254/",
            "//evil.example/",
            "///evil.example/",
            "////evil.example/",
        ),
        *(
            "\\\\evil.example/",
            "/\\evil.example/",
            "\\/evil.example",
            "https:\\\\evil.example",
            "http://kb.internal.company/",
        ),
        *(
            "https:evil.example",
            "https:/evil.example/",
            "https:///evil.example/",
            "https:x",
            "javascript:alert(1)",
            "data:,x",
        ),
        *(
            "file:///etc/passwd",
            "ftp://kb.internal.company/",
            "gopher://127.0.0.1/",
            "https://user@kb.internal.company/",
        ),
        *(
            "https://kb.internal.company@evil.example/",
            "https://kb.internal.company:8443/",
            "https://kb.internal.company./",
        ),
        *(
            " https://kb.internal.company/",
            "/x\r\nSet-Cookie: a=b",
            "/\t/evil.example/",
            "\thttps://evil.example/",
            "/ x",
        ),
        *(
            "https://2130706433/",
            "https://[::1]/",
            "https://127.0.0.1/",
            "//127.1/",
            "https://kb.internal.company\u3002evil.example/",
        ),
        *("", None, 7, "/r", "https://kb.internal.company/r", "#top", "/r#x", "/%zz", "/" + "a" * 9000),
        *(
            "https://x.kb.internal.company/",
            "https://www.example.com:444/",
            "a:b",
            "https://kb.internal.company#@evil.example/",
        ),
    ],
)
def test_redirect_to_elsewhere_is_denied(location: Any) -> None:
    """Another host, a step down to http, a loop, and all that could be read in two ways."""
    statuses = (300, 301, 302, 303, 307, 308, 310)
    assert ["deny"] * len(statuses) == [verdict(redirect=[status, location]) for status in statuses]


def test_redirect_of_an_effect_and_to_a_proxy_are_denied() -> None:
    """Another server must not be made to carry out an effect, and nobody else becomes our proxy."""
    assert "deny" == verdict(method="POST", redirect=[307, "/next"])
    assert "deny" == verdict(method="POST", redirect=[303, "/next"])
    assert ["deny", "deny"] == [verdict(redirect=[status, "/next"]) for status in (305, 306)]


def test_second_hop_has_a_resolution_of_its_own() -> None:
    """A name that was fine for the first request may have been moved by the time of the second."""
    moved = [["10.20.0.5"], ["169.254.169.254"]]
    assert "deny" == verdict(dns_answers=moved, redirect=[302, "/next"])
    assert "allow" == verdict(dns_answers=moved[:1], redirect=[302, "/next"])


@pytest.mark.parametrize(
    "line",
    [
        *("nope", "[]", "7", '{"url": "https://kb.internal.company/", "url": "https://evil.example/"}', "[" * 100_000),
        '{"url": "https://kb.internal.company/", "dns_answers": "10.20.0.5"}',
        '{"url": "https://kb.internal.company/", "dns_answers": [[7]]}',
        '{"url": "https://kb.internal.company/", "allowed_cidrs": ["10.20.0.1/16"]}',
        '{"url": "https://kb.internal.company/", "redirect": [true, "/x"]}',
        '{"url": "https://kb.internal.company/", "method": 7}',
    ],
)
def test_unusable_line_is_denied_and_named(line: str) -> None:
    """One bad line neither passes nor stops the others."""
    good = '{"id": "good", "url": "https://kb.internal.company/"}'
    bad, fine = JUDGE.verdicts([line, good])
    assert (False, False, True, True) == (bad.is_allowed, bad.is_usable, fine.is_allowed, fine.is_usable)
    assert "line 1" in bad.reason


def test_names_that_are_no_address_are_told_apart() -> None:
    """A zone would choose the interface."""
    for text in ("fe80::1%1", "kb", ""):
        with pytest.raises(EgressDenied):
            read_address(text)
