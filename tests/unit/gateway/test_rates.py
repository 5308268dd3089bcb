"""How often somebody may ask: streams, sign-ins, and who stays in while others guess."""

import pytest
from limits import parse

from gateway.http.rates import KNOWN_GOOD, MOST_STREAMS, SIGN_INS, Rates, TooManyRequests


def rates() -> Rates:
    """Take two failed logins an hour from an address."""
    return Rates(parse("1000/hour"), parse("2/hour"))


def guess(made: Rates, address: str, times: int = 2) -> None:
    """Fail to log in."""
    for n in range(times):
        made.note_login(address, f"guess-{n}", is_good=False)


def test_a_principal_holds_so_many_streams_open_and_no_more() -> None:
    """One that ended makes room for another; others have their own."""
    made = rates()
    for _ in range(MOST_STREAMS):
        made.begin_stream("rita")
    with pytest.raises(TooManyRequests, match="open streams"):
        made.begin_stream("rita")
    made.begin_stream("otto")
    made.end_stream("rita")
    made.begin_stream("rita")
    with pytest.raises(TooManyRequests):
        made.begin_stream("rita")


def test_an_address_begins_so_many_sign_ins_and_no_more() -> None:
    """And is told when to come back, in whole seconds: when the minute is over."""
    made = rates()
    for _ in range(SIGN_INS.amount):
        made.count_sign_in("192.0.2.1")
    with pytest.raises(TooManyRequests) as caught:
        made.count_sign_in("192.0.2.1")
    assert 30 <= caught.value.retry_after_s <= 61
    made.count_sign_in("192.0.2.2")


def test_a_credential_that_let_in_before_does_so_while_others_guess_and_until_it_fails() -> None:
    """Whoever shares the address stays in; what was revoked counts as a guess from then on."""
    made = rates()
    made.note_login("192.0.2.1", "good", is_good=True)
    guess(made, "192.0.2.1")
    made.check_login("192.0.2.1", "good")
    made.check_login("192.0.2.2", "other")
    with pytest.raises(TooManyRequests, match="failed logins"):
        made.check_login("192.0.2.1", "other")
    made.note_login("192.0.2.1", "good", is_good=False)
    with pytest.raises(TooManyRequests):
        made.check_login("192.0.2.1", "good")


def test_so_many_credentials_are_remembered_and_those_used_last() -> None:
    """Memory has an end, whoever logs in."""
    made = rates()
    guess(made, "192.0.2.1")
    for n in range(KNOWN_GOOD):
        made.note_login("192.0.2.1", f"good-{n}", is_good=True)
    made.note_login("192.0.2.1", "good-0", is_good=True)
    made.note_login("192.0.2.1", "one more", is_good=True)
    made.check_login("192.0.2.1", "good-0")
    with pytest.raises(TooManyRequests):
        made.check_login("192.0.2.1", "good-1")
