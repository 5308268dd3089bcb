"""Reading results only when somebody asks: it spares work and changes no answer."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from policies.flow.provenance import Provenance
from policies.flow.slots import Slot
from proctor.contracts.labels import Flow, Integrity, Labels, Origin

WORDS = ("refund", "order", "7", "2024-05-15", "10:30", "May 15", "2024-05-15T10:30", "a@b.example", "www.shop.example")
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
values: st.SearchStrategy[Any] = st.one_of(texts, st.integers(0, 20), st.dictionaries(texts, texts, max_size=2))
given_things = st.lists(st.tuples(st.booleans(), values), max_size=6)


@example(
    things=[(True, {"day": "2024-05-15", "at": "10:30"}), (False, "2024-05-15T10:30")],
    value="2024-05-15T10:30",
    as_name=False,
)
@example(things=[(True, "May 15"), (False, "2024-05-15")], value="2024-05-15", as_name=False)
@given(things=given_things, value=values, as_name=st.booleans())
def test_value_is_found_trusted_whether_or_not_untrusted_results_were_looked_into(
    things: list[tuple[bool, Any]], value: Any, as_name: bool
) -> None:
    """A playbook's argument is judged as if everything that was read had been searched for it."""
    assert _trusted(_index(things).trace(value, as_name=as_name)) == _trusted(
        _index(things).trace_trusted(value, as_name=as_name)
    )
    assert _trusted(_index(things).trace_links(value)) == _trusted(_index(things).trace_trusted_links(value))


@given(things=given_things, value=values)
def test_what_was_put_off_is_read_for_the_first_value_of_unknown_origin(
    things: list[tuple[bool, Any]], value: Any
) -> None:
    """Asking in between changes no later answer."""
    asked_before, asked_once = _index(things), _index(things)
    asked_before.trace_trusted(value)
    for thing in things:
        asked_before.trace(thing[1])

    assert asked_once.trace(value) == asked_before.trace(value)


def test_slot_reads_a_result_when_it_is_asked() -> None:
    """A result that was taken in and not read yet fills its slot."""
    slot = Slot()
    slot.add({"id": 7})
    assert slot.holds("identifier:7")
    slot.add({"id": 8})
    assert slot.holds("identifier:8")
    assert not slot.leaves_no_choice("identifier:7")


def _index(things: list[tuple[bool, Any]]) -> Provenance:
    index = Provenance()
    for n, (is_trusted, value) in enumerate(things):
        if is_trusted:
            index.add_trusted(value, Origin.REQUEST)
        else:
            index.add_result(value, Labels(sources=(f"tool:t#{n}",)))
    return index


def _trusted(flow: Flow) -> Flow | None:
    """Give a flow that was found trusted; None for any other."""
    is_found = flow.labels.integrity is Integrity.TRUSTED and Origin.PLANNER not in flow.origins
    return flow if is_found else None
