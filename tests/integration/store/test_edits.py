"""A person changes the arguments of a call that waits for approval: what is recorded, and who may decide after that."""

import psycopg
import pytest

from proctor.contracts.canonical import digest_json
from proctor.contracts.decision import RecordedDecision, Verdict
from proctor.contracts.errors import InvalidInput, NotAuthorised
from proctor.contracts.ids import PrincipalName, RequestId
from proctor.contracts.obligations import Quorum
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import ARGUMENTS, OPERATOR, Scene, asked_for, open_scene, plan_of
from tests.integration.store.test_governed_runs import REQUEST, obliged
from tests.integration.store.test_stages import ADAM, ANNA, asked, dispatch, person, refused, say

EDITED = {**ARGUMENTS, "service": "cache"}
CARL, DORA = person("carl"), person("dora")


async def test_an_edit_ends_the_request_and_keeps_what_was_written(store: PostgresStore) -> None:
    """Whoever may decide may edit, once and in time; the call as the agent wanted it is never made."""
    scene = await asked(store, Quorum(count=2))
    await refused(scene, person("rita"), "asked for this run", "edit", arguments=EDITED)
    await refused(scene, OPERATOR, "neither an approver", "edit", arguments=EDITED)
    with pytest.raises(InvalidInput, match="the same as before"):
        await scene.decide(REQUEST, "edit", ADAM, arguments=ARGUMENTS)
    await say(scene, ANNA)
    assert (True, "applied") == await say(scene, ADAM, "edit", arguments=EDITED, reason="the cache will do")
    assert (False, "too late: the request is already edited by adam") == await say(scene, ANNA, "deny")
    assert not (await say(scene, ANNA, "edit", arguments={**EDITED, "force": 1}))[0]
    standing = await store.journal.read_request(scene.ask_about(REQUEST))
    assert ("edited", "edit", "adam") == (standing.state, standing.word, standing.decided_by)
    word = next(one for one in await store.words.words(RequestId(REQUEST)) if one.word == "edit" and one.applied)
    assert word.arguments_digest is not None
    assert EDITED == await store.archive.content(word.arguments_digest)
    assert "approval_edited" in await scene.kinds()
    assert "denied" == await dispatch(scene)


async def rewritten(store: PostgresStore, key: str = "run1", step: int = 0, *by: str) -> Scene:
    """Record three calls of one step: adam edited the first into the second, carl at the wheel wrote the third anew."""
    scene = await open_scene(store, key)
    record, requests = plan_of(scene.run_id, *[Verdict.REQUIRE_APPROVAL] * 3, step=step)
    first, second = by or ("adam", "carl")
    authors: list[tuple[str | None, int | None]] = [(None, None), (first, 0), (second, 1)]
    decisions = tuple(
        RecordedDecision(
            call=n,
            decision=obliged(Verdict.REQUIRE_APPROVAL),
            arguments_digest=digest_json(ARGUMENTS),
            author=None if author is None else PrincipalName(author),
            replaces=replaces,
        )
        for n, (author, replaces) in enumerate(authors)
    )
    asked = [asked_for(request, decisions[request.call]) for request in requests]
    await store.journal.record_plan(record.model_copy(update={"decisions": decisions}), asked)
    return scene


async def test_who_wrote_a_call_does_not_approve_it(store: PostgresStore) -> None:
    """Nor one that took its place; anybody else may, and calls of other steps and runs are no affair of theirs."""
    await (await rewritten(store, "elsewhere", 0, "anna", "anna")).decide(
        "req-elsewhere-0-0", "edit", ANNA, arguments=EDITED
    )
    scene = await rewritten(store)
    await rewritten(store, "run1", 1, "anna", "anna")
    await scene.decide("req-run1-1-0", "edit", ANNA, arguments=EDITED)
    for call, authors in ((1, (ADAM,)), (2, (ADAM, CARL))):
        for author in authors:
            for word in ("approve", "deny"):
                with pytest.raises(NotAuthorised, match="wrote the arguments"):
                    await scene.decide(f"req-run1-0-{call}", word, author)
    assert (await scene.decide("req-run1-0-1", "approve", CARL)).applied
    assert (await scene.decide("req-run1-0-0", "approve", ADAM)).applied
    assert (await scene.decide("req-run1-0-2", "approve", ANNA)).applied
    assert ["admitted"] * 3 == [await dispatch(scene, call=call) for call in range(3)]


async def test_who_decided_about_a_call_otherwise_may_approve_what_took_its_place(store: PostgresStore) -> None:
    """Neither an approval nor an edit that came too late makes anybody its author."""
    scene = await rewritten(store)
    assert (await scene.decide("req-run1-0-0", "approve", CARL)).applied
    assert not (await scene.decide("req-run1-0-0", "edit", ANNA, arguments=EDITED)).applied
    assert (await scene.decide("req-run1-0-1", "approve", CARL)).applied
    assert (await scene.decide("req-run1-0-2", "approve", ANNA)).applied


async def test_an_edit_makes_its_author_one_whatever_the_plan_says(store: PostgresStore, dsn: str) -> None:
    """The decision that edited is looked up itself, with whom the person stood for."""
    scene = await rewritten(store)
    await scene.decide("req-run1-0-0", "edit", ANNA, arguments=EDITED)
    with psycopg.connect(dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE proctor.decision SET on_behalf_of = 'carl'")
    await scene.decide("req-run1-0-2", "edit", DORA, arguments=EDITED)
    for author in (ANNA, CARL):
        with pytest.raises(NotAuthorised, match="wrote the arguments"):
            await scene.decide("req-run1-0-1", "approve", author)
    assert (await scene.decide("req-run1-0-1", "approve", DORA)).applied


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE proctor.planned_call SET decision = replace(decision::text, '\"adam\"', 'null')::json WHERE call = 1",
        "UPDATE proctor.decision SET by = 'adam'",
        "UPDATE proctor.decision SET on_behalf_of = 'adam'",
    ],
)
async def test_the_author_is_part_of_what_is_approved(store: PostgresStore, dsn: str, tampering: str) -> None:
    """Neither the record of who wrote the call nor that of who approved it can be changed afterwards."""
    scene = await rewritten(store)
    await scene.decide("req-run1-0-1", "approve", CARL)
    with psycopg.connect(dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        assert 1 == connection.execute(tampering).rowcount
    assert "denied" == await dispatch(scene, call=1)
