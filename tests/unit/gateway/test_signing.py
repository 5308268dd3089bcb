"""Approvers' own keys, in the state folder."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.approvals import decide
from gateway.identity import LOCAL_PRINCIPALS
from gateway.signing import ensure_local_keys, find_signer, key_path, make_key
from proctor.contracts.approving import ApprovalProcess, key_text
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.human import HumanDecision, HumanRequest, Principal, RequestKind, Role, decision_text
from proctor.contracts.ids import AgentName, PrincipalName, RequestId, RunId
from proctor.store.signatures import is_signed, key_id_of
from tests.unit.gateway.fakes import FakeApproverKeys, FakeEngine, FakeStore

ANNA = PrincipalName("anna")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
APPROVE = HumanDecision(request_id=RequestId("req-1"), word="approve", reason="fine")


def asked(process: ApprovalProcess | None) -> HumanRequest:
    """Make an approval request."""
    return HumanRequest(
        id=RequestId("req-1"),
        kind=RequestKind.APPROVAL,
        run_id=RunId("run-1"),
        step=0,
        agent=AgentName("fixer"),
        requester=PrincipalName("rita"),
        owner=PrincipalName("wanda"),
        title="Restart()",
        process=process,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )


def test_a_key_stays_with_its_owner_and_signs_what_it_says(tmp_path: Path) -> None:
    """The private half can be read by its owner alone; the signature holds over this decision and no other."""
    made = make_key(tmp_path, ANNA)
    assert 0o600 == key_path(tmp_path, ANNA).stat().st_mode & 0o777
    found = find_signer(tmp_path, ANNA)
    assert found is not None
    assert made.public_key == found.public_key
    signature = found.signed(asked(None), APPROVE).signature
    assert signature is not None
    assert key_id_of(made.public_key) == signature.key_id
    text = decision_text(asked(None), APPROVE, ANNA)
    assert is_signed(text, signature.value, made.public_key)
    assert not is_signed(text + b" ", signature.value, made.public_key)
    assert is_signed(key_text("new", ANNA), found.introduce("new").value, made.public_key)


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    """A loose file is refused, as is one that holds no key; no file is no key."""
    make_key(tmp_path, ANNA)
    key_path(tmp_path, ANNA).chmod(0o640)
    with pytest.raises(NotAuthorised, match="read by others"):
        find_signer(tmp_path, ANNA)
    key_path(tmp_path, ANNA).chmod(0o600)
    key_path(tmp_path, ANNA).write_text("no key")
    with pytest.raises(NotAuthorised, match="holds no key"):
        find_signer(tmp_path, ANNA)
    assert find_signer(tmp_path, PrincipalName("nobody")) is None


async def test_local_principals_get_keys_once(tmp_path: Path) -> None:
    """Each has one, registered; the next start makes no other."""
    keys = FakeApproverKeys()
    for _ in range(2):
        await ensure_local_keys(keys, tmp_path)
    assert dict.fromkeys(LOCAL_PRINCIPALS, 1) == {name: len(known) for name, known in keys.known.items()}


@pytest.mark.parametrize(("process", "signs"), [(ApprovalProcess(is_signed=True), True), (ApprovalProcess(), False)])
async def test_an_approval_is_signed_where_it_takes_a_signature(
    tmp_path: Path, process: ApprovalProcess, *, signs: bool
) -> None:
    """The signer signs by itself where it must, and nowhere else."""
    said: list[HumanDecision] = []
    store = FakeStore(requests={"req-1": asked(process)}, on_decide=said.append)
    by = Principal(name=ANNA, roles=frozenset({Role.APPROVER}))
    await decide(APPROVE, by=by, people=store, engine=FakeEngine(), signer=make_key(tmp_path, ANNA))
    assert [signs] == [one.signature is not None for one in said]
