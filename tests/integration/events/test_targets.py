"""Where webhooks may go: what a list of hosts does not open."""

from ipaddress import ip_address

import pytest

from gateway.events.targets import TargetList
from proctor.contracts.errors import InvalidInput, Refused, Unavailable

PUBLIC = ["93.184.215.14", "2606:2800:220:1::1", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e", "2002:5db8:d70e::1"]


def test_a_listed_host_is_reached_over_http_and_nothing_else_that_is_no_https() -> None:
    """A list says who, and not how."""
    listed = TargetList(["siem.example"])
    assert "http" == listed.check_url("http://siem.example/in").scheme
    assert "2606:2800:220:1::1" == listed.check_url("https://[2606:2800:220:1::1]/in").host
    for url in ("ftp://siem.example/in", "ws://siem.example/in", "http://other.example/in"):
        with pytest.raises(InvalidInput):
            listed.check_url(url)


def test_an_address_that_no_delivery_would_reach_is_no_subscription() -> None:
    """It is said at once, and not by deliveries that fail for a day."""
    for host in ("127.0.0.1", "10.0.0.5", "[::1]"):
        with pytest.raises(Refused, match="not a public address"):
            TargetList().check_url(f"https://{host}/in")
    assert "10.0.0.5" == TargetList(["10.0.0.0/8"]).check_url("https://10.0.0.5/in").host


async def test_a_name_without_an_address_is_tried_again() -> None:
    """Nothing to check is nothing to connect to."""

    async def resolve(_: str, __: int) -> list[str]:
        return []

    with pytest.raises(Unavailable, match="does not resolve"):
        await TargetList().resolve("https://siem.example/in", resolve)


@pytest.mark.parametrize("address", PUBLIC)
async def test_public_addresses_need_no_list_and_are_asked_for_with_their_port(address: str) -> None:
    """Of both kinds, and where the one carries the other."""
    asked: list[tuple[str, int]] = []

    async def resolve(name: str, port: int) -> list[str]:
        asked.append((name, port))
        return [address]

    for url in ("https://siem.example/in", "https://siem.example:8443/in"):
        assert ip_address(address) == ip_address((await TargetList().resolve(url, resolve)).url.host)
    assert [("siem.example", 443), ("siem.example", 8443)] == asked


async def test_a_listed_network_opens_its_own_addresses_alone() -> None:
    """Whatever names lead there."""
    listed = TargetList(["10.1.0.0/16"])

    async def resolve(name: str, _: int) -> list[str]:
        return ["10.1.2.3" if name == "siem.example" else "10.2.2.3"]

    assert "10.1.2.3" == (await listed.resolve("https://siem.example/in", resolve)).url.host
    with pytest.raises(Refused, match=r"10\.2\.2\.3"):
        await listed.resolve("https://other.example/in", resolve)
