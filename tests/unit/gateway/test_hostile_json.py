"""JSON of senders whom nobody knows yet."""

import time

import pytest

from gateway.cli.reading import parse_json
from proctor.contracts.errors import InvalidInput

MEMBERS = 20_000
AT_MOST_S = 2.0


def test_a_doubled_member_behind_many_others_is_found_in_one_pass() -> None:
    """Reading a body of some 100 kB keeps no gateway busy: seeking the doubled name does not grow with its square."""
    names = [f'"{n:x}":0' for n in (*range(MEMBERS), MEMBERS - 1)]
    began = time.process_time()
    with pytest.raises(InvalidInput, match="'4e1f' occurs twice"):
        parse_json("{" + ",".join(names) + "}", "the body")
    assert AT_MOST_S > time.process_time() - began


def test_a_long_doubled_member_is_named_by_its_beginning() -> None:
    """An answer does not give back a body: of the doubled name at most 100 characters are shown."""
    name = "n" * 5000
    with pytest.raises(InvalidInput) as refused:
        parse_json(f'{{"{name}":0,"{name}":1}}', "the body")
    assert "n" * 100 in refused.value.message
    assert "n" * 101 not in refused.value.message
