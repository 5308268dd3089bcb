"""Who may move a cell of the ladder, and on what."""

from typing import Any

import pytest

from gateway.autonomy import Ladder, open_ladder
from gateway.reviewing import find_review, give_verdict
from policies.autonomy.levels import LADDER, effective_level
from proctor.contracts.errors import InvalidInput, NotAuthorised, Refused, UnknownName
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import PrincipalName
from proctor.contracts.manifest import AgentManifest, Autonomy
from proctor.contracts.tool import Effect, Risk, ToolContract

from .autonomy_fakes import AGREE, DISAGREE, HARMFUL, FakeAutonomyRecord, FakePolicyRegister
from .fakes import bundle

SUGGEST, APPROVAL, SUPERVISED, AUTONOMOUS = LADDER
ENOUGH = [AGREE] * 80


def person(name: str, *roles: Role) -> Principal:
    return Principal(name=PrincipalName(name), roles=frozenset(roles))


OWNER = person("maria.ops", Role.OWNER, Role.APPROVER)
OPERATOR = person("second.operator", Role.OPERATOR)
APPROVER = person("demo.approver", Role.APPROVER)
OTHER_OWNER = person("olga.owner", Role.OWNER)


@pytest.fixture
def record() -> FakeAutonomyRecord:
    return FakeAutonomyRecord()


def ladder(record: FakeAutonomyRecord, level: Autonomy = APPROVAL, **changes: Any) -> Ladder:
    tools = (
        ToolContract(name="Restart", input_schema={"type": "object"}, effect=Effect.WRITE),
        ToolContract(name="Look", input_schema={"type": "object"}, effect=Effect.READ),
        ToolContract(name="Undo", input_schema={"type": "object"}, effect=Effect.WRITE),
    )
    made = bundle(autonomy=level, allowed_tools=("Restart", "Look"), **changes)
    return Ladder(made.model_copy(update={"tools": tools}), record, made.manifest.owner)


async def level_now(record: FakeAutonomyRecord, manifest: AgentManifest, risk: Risk = Risk.HIGH) -> Autonomy:
    return effective_level(manifest, "Restart", risk, await record.levels(manifest.name))  # type: ignore[arg-type]


async def test_only_tools_with_an_effect_that_the_agent_may_call_have_a_place(record: FakeAutonomyRecord) -> None:
    """Reads are within every level, and a compensation is no call of the agent."""
    (only,) = await ladder(record).show()
    assert ("Restart", Risk.HIGH, APPROVAL, APPROVAL, SUPERVISED) == (
        only.tool, only.risk, only.declared, only.level, only.next
    )  # fmt: skip


async def test_tier_that_was_reviewed_is_shown_beside_the_tools_own(record: FakeAutonomyRecord) -> None:
    """A rule may raise the tier of a call; its evidence is its own."""
    record.decide(record.ask(risk=Risk.MEDIUM), AGREE, "maria.ops")
    assert [(Risk.MEDIUM, 1), (Risk.HIGH, 0)] == [(cell.risk, cell.verdicts) for cell in await ladder(record).show()]


async def test_owner_raises_a_cell_by_one_level_on_evidence(record: FakeAutonomyRecord) -> None:
    """The figures that it was granted on are recorded with it, and its evidence begins anew."""
    record.judge(*ENOUGH)
    mine = ladder(record)
    assert (await mine.propose("Restart")).may_rise
    raised = await mine.promote("Restart", None, by=OWNER, reason="a good spring")
    assert (SUPERVISED, "promotion", APPROVAL, "maria.ops") == (raised.level, raised.kind, raised.declared, raised.by)
    assert "[80 verdicts, 100.0% agree, bound 0.9" in raised.reason
    assert raised.reason.endswith("at alpha 0.05, required 0.95] a good spring")
    assert SUPERVISED is await level_now(record, mine.bundle.manifest)
    assert (0, AUTONOMOUS, False) == (
        (after := await mine.propose("Restart")).verdicts, after.next, after.may_rise
    )  # fmt: skip


@pytest.mark.parametrize("by", [OPERATOR, APPROVER, OTHER_OWNER], ids=lambda by: by.name)
async def test_nobody_but_the_agents_owner_raises(record: FakeAutonomyRecord, by: Principal) -> None:
    """Not even with the role of an owner: of another agent."""
    record.judge(*ENOUGH)
    with pytest.raises(NotAuthorised) as error:
        await ladder(record).promote("Restart", None, by=by)
    said = error.value.diagnostics()
    assert f"{by.name} may not raise the autonomy of resolver — its owner may: --as maria.ops" == said
    assert [] == record.changes


async def test_owner_of_the_active_policy_counts_and_not_of_the_files(record: FakeAutonomyRecord) -> None:
    """Whoever writes themselves into their copy of the manifest may still move nothing."""
    record.judge(*ENOUGH)
    forged = ladder(record, owner="olga.owner").bundle
    mine = await open_ladder(forged, record, FakePolicyRegister("maria.ops"))
    with pytest.raises(NotAuthorised):
        await mine.promote("Restart", None, by=OTHER_OWNER)
    with pytest.raises(NotAuthorised):
        await mine.demote("Restart", None, SUGGEST, by=OTHER_OWNER, reason="odd")
    await mine.promote("Restart", None, by=OWNER)
    assert "olga.owner" == (await open_ladder(forged, record, FakePolicyRegister())).owner


async def test_agent_without_an_owner_is_raised_by_nobody(record: FakeAutonomyRecord) -> None:
    """An empty name is no person's."""
    record.judge(*ENOUGH)
    with pytest.raises(NotAuthorised):
        await ladder(record, owner="").promote("Restart", None, by=OWNER)


async def test_owner_does_not_raise_without_the_evidence(record: FakeAutonomyRecord) -> None:
    """The refusal says what it takes."""
    record.judge(*[AGREE] * 40)
    with pytest.raises(Refused) as error:
        await ladder(record).promote("Restart", None, by=OWNER)
    lacks = "agreement surely above 95 %: the bound is 91.0 %; at best 34 more agreements"
    assert f"Restart at high risk may not rise to supervised: it takes {lacks}" == error.value.message
    assert [] == record.changes


async def test_breach_between_look_and_record_is_not_promoted_over(record: FakeAutonomyRecord) -> None:
    """The store compares the evidence: what was granted on is what is there."""
    record.judge(*ENOUGH)
    waiting = record.ask()

    async def harm() -> None:
        record.before_setting = None
        await record.review(waiting, HARMFUL, APPROVER, "it broke")

    record.before_setting = harm
    mine = ladder(record)
    with pytest.raises(Refused, match="in between"):
        await mine.promote("Restart", None, by=OWNER)
    assert SUGGEST is await level_now(record, mine.bundle.manifest)


async def test_reviews_that_were_passed_over_hold_a_promotion_up(record: FakeAutonomyRecord) -> None:
    """Deciding only what looks good proves nothing; what came after the newest decided one may wait."""
    skipped = record.ask()
    record.judge(*ENOUGH)
    record.ask()
    assert ["no review left out, but 1 older one must be decided"] == [
        *(await ladder(record).propose("Restart")).missing
    ]
    record.decide(skipped, DISAGREE, "maria.ops")
    record.judge(*ENOUGH)
    assert (await ladder(record).propose("Restart")).missing == ("no review left out, but 1 older one must be decided",)


async def test_verdicts_of_one_person_hold_a_promotion_up(record: FakeAutonomyRecord) -> None:
    """The owner who reviews alone does not raise alone."""
    record.judge(*ENOUGH, people=("maria.ops",))
    assert ("verdicts of 2 people: there are 1",) == (await ladder(record).propose("Restart")).missing


async def test_top_of_the_ladder_is_the_end(record: FakeAutonomyRecord) -> None:
    """There is no level above."""
    record.judge(*[AGREE] * 400)
    mine = ladder(record, AUTONOMOUS)
    (top,) = await mine.show()
    assert (None, None, (), False) == (top.next, top.required, top.missing, top.may_rise)
    with pytest.raises(Refused, match="the highest level"):
        await mine.promote("Restart", None, by=OWNER)


async def test_fallen_cell_rises_again_on_new_and_stronger_evidence(record: FakeAutonomyRecord) -> None:
    """Evidence from before the fall does not count, and alpha is halved."""
    record.judge(*ENOUGH)
    mine = ladder(record, SUPERVISED)
    await mine.demote("Restart", Risk.HIGH, APPROVAL, by=OPERATOR, reason="odd")
    assert (0, 0.025) == ((fallen := await mine.propose("Restart")).verdicts, fallen.alpha)
    record.judge(*[AGREE] * 74)
    assert not (await mine.propose("Restart")).may_rise
    record.judge(*[AGREE] * 20)
    await mine.promote("Restart", None, by=OWNER)
    assert SUPERVISED is await level_now(record, mine.bundle.manifest)


@pytest.mark.parametrize("by", [OWNER, OPERATOR], ids=lambda by: by.name)
async def test_owner_and_operator_lower_at_once(record: FakeAutonomyRecord, by: Principal) -> None:
    """Any number of levels, on no evidence."""
    mine = ladder(record, AUTONOMOUS)
    fallen = await mine.demote("Restart", None, SUGGEST, by=by, reason="odd")
    assert ("demotion", "*", AUTONOMOUS) == (fallen.kind, fallen.cell.risk, fallen.declared)
    assert SUGGEST is await level_now(record, mine.bundle.manifest)


async def test_whole_agent_is_lowered_at_once(record: FakeAutonomyRecord) -> None:
    """`*` is every tool."""
    mine = ladder(record, AUTONOMOUS)
    await mine.demote("*", None, APPROVAL, by=OPERATOR, reason="odd")
    assert APPROVAL is await level_now(record, mine.bundle.manifest, Risk.LOW)


@pytest.mark.parametrize("by", [APPROVER, OTHER_OWNER], ids=lambda by: by.name)
async def test_others_do_not_lower(record: FakeAutonomyRecord, by: Principal) -> None:
    """Owner of the agent, or operator."""
    with pytest.raises(NotAuthorised):
        await ladder(record).demote("Restart", None, SUGGEST, by=by, reason="odd")
    assert [] == record.changes


@pytest.mark.parametrize(("to", "why"), [(SUPERVISED, "never raises"), (AUTONOMOUS, "no ceiling")])
async def test_demotion_that_lowers_nothing_is_refused(record: FakeAutonomyRecord, to: Autonomy, why: str) -> None:
    """Nobody raises a level by demoting."""
    with pytest.raises(InvalidInput) as error:
        await ladder(record).demote("Restart", None, to, by=OWNER, reason="odd")
    assert why in error.value.message
    assert [] == record.changes


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
async def test_demotion_without_a_usable_reason_is_refused(record: FakeAutonomyRecord, reason: str) -> None:
    """Whoever comes after wants to know why."""
    with pytest.raises(InvalidInput, match="1 to 500 characters"):
        await ladder(record).demote("Restart", None, SUGGEST, by=OWNER, reason=reason)


async def test_demotion_to_the_same_level_begins_the_evidence_anew(record: FakeAutonomyRecord) -> None:
    """After a breach at the lowest level nothing else could."""
    record.judge(*ENOUGH, HARMFUL)
    mine = ladder(record, SUGGEST)
    await mine.demote("Restart", None, SUGGEST, by=OWNER, reason="a new prompt")
    assert 0 == (await mine.propose("Restart")).verdicts


async def test_unknown_tools_and_reads_are_named(record: FakeAutonomyRecord) -> None:
    """With the tools that have a place on the ladder."""
    with pytest.raises(UnknownName) as unknown:
        await ladder(record).propose("Restort")
    assert "its tools with an effect: Restart" == unknown.value.hint
    with pytest.raises(InvalidInput, match="Look only reads"):
        await ladder(record).propose("Look")


async def test_whoever_does_not_agree_says_why(record: FakeAutonomyRecord) -> None:
    """A disagreement without a reason mends nothing; an agreement needs none."""
    waiting = record.ask()
    for verdict in ("disagree", "harmful"):
        with pytest.raises(InvalidInput, match="needs a reason"):
            await give_verdict(record, waiting, verdict, by=OWNER)
    with pytest.raises(InvalidInput, match="no verdict"):
        await give_verdict(record, waiting, "maybe", by=OWNER)
    with pytest.raises(InvalidInput, match="500 characters"):
        await give_verdict(record, waiting, "agree", by=OWNER, reason="x" * 501)
    assert AGREE is (await give_verdict(record, waiting[:8], "agree", by=OWNER)).verdict


async def test_review_is_found_by_a_unique_beginning(record: FakeAutonomyRecord) -> None:
    """Eight characters at least, and one review only."""
    first = record.ask()
    assert first == (await find_review(record, first[:8])).id
    record.ask()
    with pytest.raises(UnknownName, match="2 reviews begin with"):
        await find_review(record, first[:8])
    with pytest.raises(UnknownName, match="there is no review"):
        await find_review(record, first[:7])
