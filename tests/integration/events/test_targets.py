"""Where webhooks may go: what a list of hosts does not open."""

import pytest

from gateway.events.targets import TargetList
from proctor.contracts.errors import InvalidInput, Unavailable


def test_a_listed_host_is_reached_over_http_and_nothing_else_that_is_no_https() -> None:
    """A list says who, and not how."""
    listed = TargetList(["siem.example"])
    assert "http" == listed.check_url("http://siem.example/in").scheme
    for url in ("ftp://siem.example/in", "ws://siem.example/in", "http://other.example/in"):
        with pytest.raises(InvalidInput):
            listed.check_url(url)


async def test_a_name_without_an_address_is_tried_again() -> None:
    """Nothing to check is nothing to connect to."""

    async def resolve(_: str, __: int) -> list[str]:
        return []

    with pytest.raises(Unavailable, match="does not resolve"):
        await TargetList().resolve("https://siem.example/in", resolve)
