"""Approvals that carry a signature, and the keys that make one."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.signing import Signer, make_key
from proctor.contracts.approving import KEY_RESTS_S, GrantTerms
from proctor.contracts.audit import INSTALLATION, agent_chain, find_breaks
from proctor.contracts.decision import Verdict
from proctor.contracts.errors import InvalidInput, NotAuthorised, Refused, UnknownName
from proctor.contracts.human import HumanDecision, HumanRequest, Principal, Role, Signature
from proctor.contracts.ids import PrincipalName, RequestId
from proctor.contracts.obligations import Quorum, Signed
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import OWNER, Scene
from tests.integration.store.test_governed_runs import REQUEST, judged, obliged
from tests.integration.store.test_stages import ADAM, ANNA, asked, dispatch, person, refused, say

SIGNED = Signed()


@pytest.fixture
def keys(tmp_path: Path) -> Callable[[Principal], Signer]:
    """Make keys of people, in a folder of their own."""
    return lambda who: make_key(tmp_path, who.name)


async def enrolled(store: PostgresStore, *people: Principal) -> None:
    """Let people in."""
    for who in people:
        await store.people.enrol(who.name, who.roles, f"token of {who.name}")


async def sign(scene: Scene, signer: Signer, word: str = "approve", **fields: Any) -> Signature:
    """Sign a decision on the request as it stands."""
    request = await scene.store.people.request(RequestId(REQUEST))
    signature = signer.signed(request, decided(word, **fields)).signature
    assert signature is not None
    return signature


def decided(word: str = "approve", **fields: Any) -> HumanDecision:
    """Make a decision on the request."""
    return HumanDecision.model_validate({"request_id": REQUEST, "word": word, **fields})


async def test_an_approval_that_takes_a_signature_holds_with_one_and_not_without(
    store: PostgresStore, keys: Callable[[Principal], Signer]
) -> None:
    """Only the author's registered key over exactly this decision counts; a denial takes none."""
    scene = await asked(store, SIGNED)
    await enrolled(store, ADAM, ANNA)
    mine, hers = keys(ADAM), keys(ANNA)
    await refused(scene, ADAM, "takes adam's signature")
    good = await sign(scene, mine, reason="fine")
    await refused(scene, ADAM, "nobody has registered", reason="fine", signature=good)
    for who, key in ((ADAM, mine), (ANNA, hers)):
        await store.approver_keys.enrol(who.name, key.public_key)
    hers_signed = await sign(scene, hers, reason="fine")
    await refused(scene, ADAM, "by a key of anna", reason="fine", signature=hers_signed)
    await refused(scene, ANNA, "by a key of adam", reason="fine", signature=good)
    does_not = "signature does not hold"
    await refused(scene, ADAM, does_not, reason="another reason", signature=good)
    await refused(scene, ADAM, does_not, "deny", reason="fine", signature=good)
    await refused(scene, ADAM, does_not, reason="fine", signature=good.model_copy(update={"value": good.value[:-2]}))
    await refused(scene, ADAM, does_not, reason="fine", signature=good.model_copy(update={"value": "ü=="}))
    swapped = hers_signed.model_copy(update={"key_id": good.key_id})
    await refused(scene, ADAM, does_not, reason="fine", signature=swapped)
    assert (True, "applied") == await say(scene, ADAM, reason="fine", signature=good, channel="page")
    assert "admitted" == await dispatch(scene, SIGNED)
    word = (await store.words.words(RequestId(REQUEST)))[-1]
    assert (good.key_id, "page", True) == (word.key_id, word.channel, word.applied)


async def test_a_signature_is_for_one_request(store: PostgresStore, keys: Callable[[Principal], Signer]) -> None:
    """The same words on another request of the same call are another text."""
    scene = await asked(store, SIGNED)
    await enrolled(store, ADAM)
    mine = keys(ADAM)
    await store.approver_keys.enrol(ADAM.name, mine.public_key)
    replayed = await sign(scene, mine)
    await judged(scene, obliged(Verdict.REQUIRE_APPROVAL, SIGNED), step=1)
    with pytest.raises(NotAuthorised, match="does not hold"):
        await scene.decide("req-run1-1-0", "approve", ADAM, signature=replayed)
    assert (True, "applied") == await say(scene, ADAM, signature=replayed)
    assert not (await say(scene, ADAM, signature=replayed))[0]


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE proctor.decision SET signature = NULL",
        "UPDATE proctor.decision SET key_id = NULL",
        "UPDATE proctor.decision SET reason = 'something else'",
        "UPDATE proctor.decision SET by = 'anna'",
        "UPDATE proctor.decision SET at = at - interval '1 year'",
        "UPDATE proctor.approver_key SET principal = 'anna'",
        "UPDATE proctor.approver_key SET public_key = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'",
        "UPDATE proctor.approver_key SET revoked_at = added_at",
        "UPDATE proctor.request SET process = replace(process::text, 'true', 'false')::json",
    ],
)
async def test_a_signature_is_verified_anew_at_dispatch(
    store: PostgresStore, dsn: str, keys: Callable[[Principal], Signer], tampering: str
) -> None:
    """Whatever of decision, key or request is changed afterwards, the call is denied."""
    scene = await asked(store, SIGNED)
    await enrolled(store, ADAM, ANNA)
    mine = keys(ADAM)
    await store.approver_keys.enrol(ADAM.name, mine.public_key)
    await say(scene, ADAM, signature=await sign(scene, mine))
    with psycopg.connect(dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        assert 1 == connection.execute(tampering).rowcount
    assert "denied" == await dispatch(scene, SIGNED)


async def test_a_key_that_is_revoked_later_signed_before(
    store: PostgresStore, keys: Callable[[Principal], Signer]
) -> None:
    """What was signed stays signed; nothing is signed any more, and the key does not come back."""
    scene = await asked(store, SIGNED, Quorum(count=2))
    await enrolled(store, ADAM, ANNA)
    mine, hers = keys(ADAM), keys(ANNA)
    for who, key in ((ADAM, mine), (ANNA, hers)):
        await store.approver_keys.enrol(who.name, key.public_key)
    assert (True, "1 of 2 approvers") == await say(scene, ADAM, signature=await sign(scene, mine))
    made = (await store.approver_keys.keys(ADAM.name))[0]
    with pytest.raises(NotAuthorised, match="may not revoke"):
        await store.approver_keys.revoke(made.id, ANNA)
    ended = await store.approver_keys.revoke(made.id, ADAM)
    assert ended == await store.approver_keys.revoke(made.id, ADAM)
    assert [] == await store.approver_keys.keys(ADAM.name)
    await store.approver_keys.revoke((await store.approver_keys.keys(ANNA.name))[0].id, person("olaf", Role.OWNER))
    await refused(scene, ANNA, "the key is revoked", signature=await sign(scene, hers))
    with pytest.raises(Refused, match="revoked"):
        await store.approver_keys.add(hers.public_key, ANNA)
    newer = keys(ANNA)
    await store.approver_keys.enrol(ANNA.name, newer.public_key)
    assert (True, "applied") == await say(scene, ANNA, signature=await sign(scene, newer))
    assert "admitted" == await dispatch(scene, SIGNED)


async def test_a_new_key_does_not_sign_at_once(store: PostgresStore, keys: Callable[[Principal], Signer]) -> None:
    """Whoever has a stolen session adds a key in vain: it rests until somebody else, or an older key, stands for it."""
    scene = await asked(store, SIGNED)
    olaf = person("olaf", Role.OWNER, Role.APPROVER)
    await enrolled(store, ADAM, ANNA, olaf)
    mine, port = keys(ADAM), store.approver_keys
    added = await port.add(mine.public_key, ADAM, label="laptop")
    assert added == await port.add(mine.public_key, ADAM)
    assert (None, timedelta(seconds=KEY_RESTS_S)) == (added.vouched_by, added.valid_from - added.added_at)
    await refused(scene, ADAM, f"the key {added.id} is new and does not count yet", signature=await sign(scene, mine))
    for nobody in (ADAM, ANNA, person("adam", Role.OWNER)):
        with pytest.raises(NotAuthorised, match="may not vouch"):
            await port.vouch(added.id, nobody)
    hers, another = keys(ANNA), keys(ADAM)
    await port.enrol(ANNA.name, hers.public_key)
    in_his_name = Signer(ADAM.name, hers.key).introduce(another.public_key)
    for introduced in (mine.introduce(another.public_key), in_his_name, keys(ANNA).introduce(another.public_key)):
        with pytest.raises(NotAuthorised, match="no key of adam that counts"):
            await port.add(another.public_key, ADAM, introduced=introduced)
    vouched = await port.vouch(added.id, olaf)
    assert ("olaf", True) == (vouched.vouched_by, vouched.valid_from < added.valid_from)
    newer = keys(ADAM)
    second = await port.add(newer.public_key, ADAM, introduced=mine.introduce(newer.public_key))
    assert (added.id, second.added_at) == (second.vouched_by, second.valid_from)
    assert (True, "applied") == await say(scene, ADAM, signature=await sign(scene, newer))
    chain = agent_chain(INSTALLATION)
    trail = await store.archive.audit(chain)
    head = await store.archive.recorded_head(chain)
    assert [] == find_breaks(chain, trail, [head] if head else [])
    expected = ["key_added", "key_added", *["key_refused"] * 3, "key_vouched_for", "key_added"]
    assert expected == [one.kind for one in trail if one.kind.startswith("key")]


async def test_a_revoked_key_introduces_no_other(store: PostgresStore, keys: Callable[[Principal], Signer]) -> None:
    """Whoever kept it would let themselves in again."""
    await enrolled(store, ADAM)
    mine, next_one, port = keys(ADAM), keys(ADAM), store.approver_keys
    known = await port.enrol(ADAM.name, mine.public_key)
    await port.revoke(known.id, ADAM)
    with pytest.raises(NotAuthorised, match="no key of adam that counts"):
        await port.add(next_one.public_key, ADAM, introduced=mine.introduce(next_one.public_key))


async def test_only_keys_of_people_who_are_known_are_kept(
    store: PostgresStore, keys: Callable[[Principal], Signer]
) -> None:
    """A key belongs to one person, and is one."""
    await enrolled(store, ADAM, ANNA)
    mine, port = keys(ADAM), store.approver_keys
    for wrong in ("", "AAAA", "ü" * 43, mine.public_key + "=", mine.public_key[:-1]):
        with pytest.raises(InvalidInput, match="no Ed25519"):
            await port.add(wrong, ADAM)
    with pytest.raises(UnknownName):
        await port.enrol(PrincipalName("nobody"), mine.public_key)
    await port.enrol(ADAM.name, mine.public_key)
    with pytest.raises(Refused, match="another principal's"):
        await port.add(mine.public_key, ANNA)
    with pytest.raises(UnknownName):
        await port.revoke("0" * 16, ADAM)


async def test_a_signed_approval_cannot_stop_the_asking(
    store: PostgresStore, keys: Callable[[Principal], Signer]
) -> None:
    """What takes a signature takes one each time."""
    scene = await asked(store, SIGNED)
    await enrolled(store, OWNER)
    mine = keys(OWNER)
    await store.approver_keys.enrol(OWNER.name, mine.public_key)
    terms = GrantTerms(for_s=60)
    signature = await sign(scene, mine, grant=terms)
    with pytest.raises(Refused, match="for a signature"):
        await scene.decide(REQUEST, "approve", OWNER, grant=terms, signature=signature)
    assert isinstance(await store.people.request(RequestId(REQUEST)), HumanRequest)
    assert "needs_approval" == await dispatch(scene, SIGNED)
