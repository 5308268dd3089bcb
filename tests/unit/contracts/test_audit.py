"""The audit chain proves itself (rule 12)."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from proctor.contracts.audit import GENESIS, AuditRecord, chain, find_breaks
from proctor.contracts.ids import RunId
from proctor.contracts.run import AuditHead

RUN = RunId("run1")
AT = datetime(2026, 11, 21, 7, 31, 4, 120000, tzinfo=UTC)


def _records(count: int = 5) -> list[AuditRecord]:
    return chain(
        RUN, None, AT, [(f"kind{n}", {"n": n, "cost": "0.10", "load": 0.1, "who": "Zoë ☕"}) for n in range(count)]
    )


def _head(records: list[AuditRecord]) -> AuditHead:
    return AuditHead(n=records[-1].n, hash=records[-1].hash)


def _rehashed(record: AuditRecord) -> AuditRecord:
    return record.model_copy(update={"hash": record.expected_hash()})


def test_an_untouched_chain_has_no_breaks() -> None:
    """What was written proves itself against its head."""
    records = _records()
    assert [] == find_breaks(RUN, records, [_head(records)])
    assert (GENESIS, list(range(5))) == (records[0].prev, [record.n for record in records])


def test_a_chain_is_continued_from_its_head() -> None:
    """Batches of records make one chain."""
    first = _records(2)
    more = chain(RUN, _head(first), AT, [("later", {})])
    assert [] == find_breaks(RUN, first + more, [_head(first), _head(more)])


def test_an_edited_record_is_found() -> None:
    """Any change of content is seen, and a recomputed hash breaks the next link."""
    records = _records()
    edited = records[2].model_copy(update={"body": {"n": 3}})
    assert find_breaks(RUN, [*records[:2], edited, *records[3:]], [_head(records)])
    assert find_breaks(RUN, [*records[:2], _rehashed(edited), *records[3:]], [_head(records)])


def test_an_edited_newest_record_is_found_by_its_witness() -> None:
    """Recomputing the last hash does not help: somebody else saw it."""
    records = _records()
    forged = _rehashed(records[-1].model_copy(update={"kind": "other"}))
    assert find_breaks(RUN, [*records[:-1], forged], [_head(records)])


def test_a_deleted_record_is_found_wherever_it_was() -> None:
    """First, middle and newest."""
    records = _records()
    for n in range(5):
        assert find_breaks(RUN, records[:n] + records[n + 1 :], [_head(records)]), n
    assert find_breaks(RUN, [], [_head(records)])


def test_a_reordered_chain_is_found() -> None:
    """Order is part of the proof."""
    records = _records()
    assert find_breaks(RUN, [records[0], records[2], records[1], *records[3:]], [_head(records)])


def test_an_inserted_record_is_found() -> None:
    """Nothing can be slipped in."""
    records = _records()
    assert find_breaks(RUN, [*records[:2], records[1], *records[2:]], [_head(records)])


def test_records_of_another_run_are_found() -> None:
    """A chain proves one run only."""
    records = _records()
    assert find_breaks(RunId("run2"), records, [_head(records)])


def test_without_a_witness_nothing_is_proven() -> None:
    """Nobody knows where a chain without a witness ends: fail closed."""
    assert find_breaks(RUN, _records(), [])


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.text(st.characters(exclude_categories=["Cs"]))
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.booleans()
        | st.none(),
    ),
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_a_record_that_went_through_json_still_proves_itself(body: dict[str, object], at: datetime) -> None:
    """Export and import change nothing that is hashed."""
    records = chain(RUN, None, at, [("kind", body)])
    copies = [AuditRecord.model_validate_json(record.model_dump_json()) for record in records]
    assert [] == find_breaks(RUN, copies, [_head(records)])


def test_decimals_are_hashed_as_the_text_that_is_stored() -> None:
    """Money keeps its digits."""
    records = chain(RUN, None, AT, [("paid", {"cost_usd": str(Decimal("0.10"))})])
    assert "0.10" == records[0].body["cost_usd"]
