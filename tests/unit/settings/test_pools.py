"""Which queues a worker polls, and tenants' shares of a backlog."""

import pytest

from proctor.contracts.errors import InvalidInput
from proctor.pools import COMMON_SLOTS, POOL_SLOTS, Poll, polls, read_pools, read_weights

COMMON = Poll("", "proctor", COMMON_SLOTS)
SLOW, MAIL = Poll("slow", "proctor-slow", POOL_SLOTS), Poll("mail", "proctor-mail", POOL_SLOTS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [COMMON, MAIL, SLOW]),
        ("common,*", [COMMON, MAIL, SLOW]),
        ("common", [COMMON]),
        ("slow", [SLOW]),
        ("*", [MAIL, SLOW]),
        ("common=5, slow=4", [Poll("", "proctor", 5), Poll("slow", "proctor-slow", 4)]),
        ("*,slow=4", [MAIL, Poll("slow", "proctor-slow", 4)]),
        ("elsewhere=2", [Poll("elsewhere", "proctor-elsewhere", 2)]),
    ],
)
def test_worker_polls_what_it_is_told(text: str, expected: list[Poll]) -> None:
    """Everything that the project's tools name, unless settings say otherwise."""
    assert expected == polls(read_pools(text), ["slow", "mail"], "proctor")


@pytest.mark.parametrize("text", ["Slow", "slow=", "slow=0", "slow=-1", "slow=1001", "a b", "=3", "**"])
def test_pool_that_cannot_be_read_is_refused(text: str) -> None:
    """A worker that silently served less would leave calls waiting."""
    with pytest.raises(InvalidInput, match="PROCTOR_POOLS"):
        read_pools(text)


def test_weights_are_read() -> None:
    """One for each tenant that has another share than 1."""
    assert {"acme": 4.0, "trial": 0.5} == read_weights("acme=4, trial=0.5")


@pytest.mark.parametrize("text", ["acme", "=4", "acme=0", "acme=1001", "acme=x", "acme=nan"])
def test_weight_that_cannot_be_read_is_refused(text: str) -> None:
    """Temporal takes 0.001 to 1000."""
    with pytest.raises(InvalidInput, match="PROCTOR_TENANT_WEIGHTS"):
        read_weights(text)
