from pathlib import Path

import pytest

from gateway.policy_changes import FIRST, PRODUCTION, UNREVIEWED, PolicyChanges, digest_of
from gateway.policy_files import read_policy_folder
from proctor.contracts.errors import NotAuthorised, Refused
from proctor.contracts.governing import ChangeKind
from proctor.contracts.human import Principal, Role
from proctor.contracts.manifest import AgentBundle

from .policy_agents import MANIFEST, POLICY, write_clerk
from .policy_register import FakePolicyRegister

OWNER = Principal(name="maria.ops", roles=frozenset({Role.OWNER}))
SECOND = Principal(name="demo.approver", roles=frozenset({Role.APPROVER}))
TIGHTER, LOOSER = "greater_than: 30}", "greater_than: 80}"


def bundle_of(folder: Path, limit: str = "greater_than: 50}", **changes: str) -> AgentBundle:
    policy = POLICY.replace("greater_than: 50}", limit)
    return read_policy_folder(write_clerk(folder, policy=policy, **changes)).sound()


def changes_of(register: FakePolicyRegister, environment: str = PRODUCTION) -> PolicyChanges:
    async def bundle(digest: str) -> AgentBundle:
        return register.bundles[digest]

    return PolicyChanges(register, bundle, environment)


@pytest.fixture
async def register(tmp_path: Path) -> FakePolicyRegister:
    """Give a register in which the clerk's policy is active."""
    register = FakePolicyRegister()
    await changes_of(register).ensure_active(bundle_of(tmp_path / "first"), "rita")
    return register


async def test_first_policy_is_recorded_and_active(register: FakePolicyRegister) -> None:
    """There is nothing to loosen yet."""
    assert [("active", (FIRST,), "rita")] == [(one.state, one.summary, one.proposed_by) for one in register.kept]


async def test_same_policy_is_not_recorded_again(register: FakePolicyRegister, tmp_path: Path) -> None:
    """Neither the same bundle, nor another one with the same policy, such as a run with another model."""
    await changes_of(register).ensure_active(bundle_of(tmp_path / "first"), "rita")
    described = MANIFEST.replace("  autonomy: ", "  description: other words\n  autonomy: ", 1)
    other = bundle_of(tmp_path / "other", manifest=described)
    assert digest_of(other) not in register.bundles
    await changes_of(register).ensure_active(other, "rita")
    assert 1 == len(register.kept)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("windows:\n", "address_book: [mallory@evil.example]\nwindows:\n"),
        ("  autonomy: ", "  max_cost_usd: 500\n  autonomy: "),
    ],
)
async def test_what_loosens_in_no_rule_is_refused_too(
    register: FakePolicyRegister, tmp_path: Path, old: str, new: str
) -> None:
    """The digest of the rules is the same, and yet more may happen."""
    policy, manifest = POLICY.replace(old, new, 1), MANIFEST.replace(old, new, 1)
    assert (POLICY, MANIFEST) != (policy, manifest)
    bundle = read_policy_folder(write_clerk(tmp_path / "next", policy=policy, manifest=manifest)).sound()
    with pytest.raises(Refused, match="allows more than the active one"):
        await changes_of(register).ensure_active(bundle, "rita")


async def test_tightening_is_active_at_once(register: FakePolicyRegister, tmp_path: Path) -> None:
    """Whoever starts a run may bring a stricter policy."""
    await changes_of(register).ensure_active(bundle_of(tmp_path / "next", TIGHTER), "rita")
    assert [("retired", "v1"), ("active", "v2")] == [(one.state, one.id) for one in register.kept]
    assert ChangeKind.TIGHTENS == register.kept[-1].change


async def test_loosening_is_refused_with_what_it_would_allow_and_how_to_propose_it(
    register: FakePolicyRegister, tmp_path: Path
) -> None:
    """A run never loosens its agent's policy; the message shows a call and the commands."""
    with pytest.raises(Refused) as refused:
        await changes_of(register).ensure_active(bundle_of(tmp_path / "next", LOOSER), "rita")
    assert "allows more than the active one" in refused.value.message
    assert "RefundOrder with arguments.amount = " in refused.value.message
    assert "`proctor policy propose refund-clerk`, then `proctor policy approve VERSION`" in refused.value.hint
    assert ["v1"] == [one.id for one in register.kept]


async def test_proposed_loosening_is_named_when_a_run_comes_before_its_approval(
    register: FakePolicyRegister, tmp_path: Path
) -> None:
    """Nobody proposes twice."""
    looser = bundle_of(tmp_path / "next", LOOSER)
    await changes_of(register).propose(looser, "rita")
    with pytest.raises(Refused) as refused:
        await changes_of(register).ensure_active(looser, "rita")
    assert "`proctor policy approve v2` by its owner and by a second person" == refused.value.hint


async def test_loosening_takes_the_owner_and_a_second_person(register: FakePolicyRegister, tmp_path: Path) -> None:
    """One word is not enough, and who proposed it has none unless they are the owner."""
    looser, changes = bundle_of(tmp_path / "next", LOOSER), changes_of(register)
    version = await changes.propose(looser, "rita")
    assert ("proposed", ChangeKind.LOOSENS) == (version.state, version.change)
    with pytest.raises(NotAuthorised):
        await changes.decide("v2", "approve", Principal(name="rita", roles=frozenset({Role.APPROVER})), "")
    assert "proposed" == (await changes.decide("v2", "approve", OWNER, "")).state
    assert "active" == (await changes.decide("v2", "approve", SECOND, "")).state
    await changes.ensure_active(looser, "rita")


async def test_rejected_policy_stays_refused_and_says_why(register: FakePolicyRegister, tmp_path: Path) -> None:
    """The files still hold what somebody turned down."""
    looser, changes = bundle_of(tmp_path / "next", LOOSER), changes_of(register)
    await changes.propose(looser, "rita")
    await changes.decide("v2", "reject", OWNER, "too much")
    with pytest.raises(Refused, match="was rejected as version v2: too much"):
        await changes.ensure_active(looser, "rita")


async def test_development_loosens_alone_and_says_so(register: FakePolicyRegister, tmp_path: Path) -> None:
    """Trying things out needs no second person; the record tells that there was none."""
    await changes_of(register, "development").ensure_active(bundle_of(tmp_path / "next", LOOSER), "rita")
    assert ("active", UNREVIEWED) == (register.kept[-1].state, register.kept[-1].summary[0])
    assert any("arguments.amount = " in line for line in register.kept[-1].summary)


async def test_proposal_in_development_waits_as_everywhere(register: FakePolicyRegister, tmp_path: Path) -> None:
    """Who proposes asks for the approval of others."""
    version = await changes_of(register, "development").propose(bundle_of(tmp_path / "next", LOOSER), "rita")
    assert "proposed" == version.state


async def test_another_owner_is_refused_although_the_rules_are_the_same(
    register: FakePolicyRegister, tmp_path: Path
) -> None:
    """Whoever could name themselves owner would approve their own loosenings."""
    taken = bundle_of(tmp_path / "next", manifest=MANIFEST.replace("owner: maria.ops", "owner: rita"))
    with pytest.raises(Refused, match="owner"):
        await changes_of(register).ensure_active(taken, "rita")
    assert ["v1"] == [one.id for one in register.kept if one.state == "active"]


async def test_policy_that_became_active_in_between_is_compared_with(
    register: FakePolicyRegister, tmp_path: Path
) -> None:
    """What only tightened the former one may loosen the one that is active now, and is not even proposed."""
    changes = changes_of(register)

    async def quicker() -> None:
        await changes.ensure_active(bundle_of(tmp_path / "quicker", "greater_than: 10}"), "ana")

    register.before_propose = quicker
    with pytest.raises(Refused, match="allows more than the active one"):
        await changes.ensure_active(bundle_of(tmp_path / "next", TIGHTER), "rita")
    assert [("rita", "retired"), ("ana", "active")] == [(one.proposed_by, one.state) for one in register.kept]


async def test_policy_that_tightens_the_newer_one_too_is_active_after_all(
    register: FakePolicyRegister, tmp_path: Path
) -> None:
    """Two runs with stricter policies do not refuse each other."""
    changes = changes_of(register)

    async def quicker() -> None:
        await changes.ensure_active(bundle_of(tmp_path / "quicker", TIGHTER), "ana")

    register.before_propose = quicker
    await changes.ensure_active(bundle_of(tmp_path / "next", "greater_than: 10}"), "rita")
    assert ["retired", "retired", "active"] == [one.state for one in register.kept]
