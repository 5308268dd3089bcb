"""The live level of a cell."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.autonomy.levels import LADDER, effective_level, one_above
from proctor.contracts.governing import Cell, CellLevel
from proctor.contracts.ids import ToolName
from proctor.contracts.manifest import AgentManifest, Autonomy
from proctor.contracts.tool import Risk

REFUND = ToolName("Refund")
START = datetime(2026, 3, 1, tzinfo=UTC)
SUGGEST, APPROVAL, SUPERVISED, AUTONOMOUS = LADDER


def manifest(level: Autonomy = APPROVAL, **more: Any) -> AgentManifest:
    return AgentManifest(name="clerk", owner="olga", autonomy=level, **more)


def set_to(level: Autonomy, kind: str = "demotion", hour: int = 0, **changes: Any) -> CellLevel:
    cell = Cell(tool=changes.pop("tool", "Refund"), risk=changes.pop("risk", Risk.LOW))
    fields = {"agent": "clerk", "declared": APPROVAL, "by": "olga", "reason": "x"} | changes
    return CellLevel(cell=cell, level=level, kind=kind, at=START + timedelta(hours=hour), **fields)


def level_of(*cells: CellLevel, declared: Autonomy = APPROVAL, **more: Any) -> Autonomy:
    return effective_level(manifest(declared, **more), REFUND, Risk.LOW, cells)


def test_without_records_the_manifest_counts() -> None:
    """The declared level, by tool and by tier."""
    assert APPROVAL is level_of()
    assert SUGGEST is level_of(autonomy_by_tool={"Refund": SUGGEST})
    assert SUGGEST is level_of(autonomy_by_risk={Risk.LOW: SUGGEST})


@pytest.mark.parametrize(("tool", "risk"), [("Refund", "low"), ("*", "low"), ("Refund", "*"), ("*", "*")])
def test_demotion_is_a_ceiling_on_every_cell_that_it_names(tool: str, risk: str) -> None:
    """A wide demotion holds for each cell in it."""
    assert SUGGEST is level_of(set_to(SUGGEST, tool=tool, risk=risk))


@pytest.mark.parametrize(("tool", "risk"), [("Other", "low"), ("Refund", "high"), ("*", "medium")])
def test_demotion_of_another_cell_does_nothing(tool: str, risk: str) -> None:
    """Only what it names."""
    assert APPROVAL is level_of(set_to(SUGGEST, tool=tool, risk=risk))


def test_records_of_another_agent_do_nothing() -> None:
    """Levels are an agent's own."""
    assert APPROVAL is level_of(set_to(AUTONOMOUS, "promotion", agent="other"), set_to(SUGGEST, agent="other"))


def test_the_lowest_ceiling_wins() -> None:
    """Whichever is newer or narrower."""
    low, high = set_to(SUGGEST, hour=1, tool="*"), set_to(APPROVAL, hour=2)
    assert SUGGEST is level_of(low, high, declared=AUTONOMOUS)


def test_promotion_raises_its_own_cell() -> None:
    """From the level that the manifest declares."""
    assert SUPERVISED is level_of(set_to(SUPERVISED, "promotion"))


@pytest.mark.parametrize(("tool", "risk"), [("*", "low"), ("Refund", "*"), ("*", "*"), ("Refund", "high")])
def test_promotion_of_a_wider_or_other_cell_raises_nothing(tool: str, risk: str) -> None:
    """Evidence is gathered for one tool at one tier."""
    assert APPROVAL is level_of(set_to(AUTONOMOUS, "promotion", tool=tool, risk=risk))


@pytest.mark.parametrize("declared", [SUGGEST, SUPERVISED])
def test_promotion_is_void_once_the_manifest_declares_another_level(declared: Autonomy) -> None:
    """In either direction: what it was granted on is gone."""
    assert declared is level_of(set_to(AUTONOMOUS, "promotion"), declared=declared)


def test_promotion_lifts_older_ceilings_and_no_newer_one() -> None:
    """Evidence gathered under a ceiling speaks against it; a demotion after it takes hold at once."""
    promotion = set_to(APPROVAL, "promotion", hour=2)
    assert APPROVAL is level_of(set_to(SUGGEST, hour=1, tool="*", risk="*"), promotion)
    assert SUGGEST is level_of(promotion, set_to(SUGGEST, hour=3, tool="*", risk="*"))


def test_demotion_at_the_moment_of_a_promotion_wins() -> None:
    """In doubt the lower level."""
    assert SUGGEST is level_of(set_to(SUPERVISED, "promotion"), set_to(SUGGEST))


def test_partly_lifted_ceiling_stays_when_the_manifest_changes() -> None:
    """A cell that fell and rose again in part does not jump to a newly declared level."""
    recovered = set_to(APPROVAL, "promotion", hour=2, declared=SUPERVISED)
    assert APPROVAL is level_of(recovered, declared=SUPERVISED)
    assert APPROVAL is level_of(recovered, declared=AUTONOMOUS)


def test_void_promotion_brings_the_older_ceilings_back() -> None:
    """It lifted them only while it held."""
    cells = (set_to(SUGGEST, hour=1, tool="*"), set_to(SUPERVISED, "promotion", hour=2))
    assert (SUPERVISED, SUGGEST) == (level_of(*cells), level_of(*cells, declared=SUPERVISED))


def test_one_above_ends_at_autonomous() -> None:
    """One level at a time."""
    assert [APPROVAL, SUPERVISED, AUTONOMOUS, None] == [one_above(level) for level in LADDER]


TOOLS = st.sampled_from(["Refund", "Other", "*"])
TIERS = st.sampled_from([*Risk, "*"])
LEVELS = st.sampled_from(LADDER)
RECORDS = st.builds(
    set_to,
    LEVELS,
    st.sampled_from(["promotion", "demotion"]),
    st.integers(0, 3),
    tool=TOOLS,
    risk=TIERS,
    declared=LEVELS,
    agent=st.sampled_from(["clerk", "other"]),
)
DEMOTIONS = st.builds(set_to, LEVELS, st.just("demotion"), st.integers(0, 3), tool=TOOLS, risk=TIERS, declared=LEVELS)
MANIFESTS = st.builds(
    manifest,
    LEVELS,
    autonomy_by_tool=st.dictionaries(st.just("Refund"), LEVELS),
    autonomy_by_risk=st.dictionaries(st.sampled_from(list(Risk)), LEVELS),
)


@given(MANIFESTS, st.lists(RECORDS, max_size=6), DEMOTIONS, st.sampled_from(list(Risk)))
def test_adding_a_demotion_never_raises(
    agent: AgentManifest, cells: list[CellLevel], demotion: CellLevel, risk: Risk
) -> None:
    """Whatever else is on record, and whenever it was made."""
    before = effective_level(agent, REFUND, risk, cells)
    assert LADDER.index(effective_level(agent, REFUND, risk, [*cells, demotion])) <= LADDER.index(before)


@given(MANIFESTS, st.lists(RECORDS, max_size=6), st.randoms(use_true_random=False), st.sampled_from(list(Risk)))
def test_order_of_records_decides_nothing(agent: AgentManifest, cells: list[CellLevel], dice: Any, risk: Risk) -> None:
    """Only their times do."""
    expected = effective_level(agent, REFUND, risk, cells)
    dice.shuffle(cells)
    assert expected is effective_level(agent, REFUND, risk, cells)


@given(MANIFESTS, st.lists(RECORDS, max_size=6), st.sampled_from(list(Risk)))
def test_level_is_above_the_declared_one_only_by_a_promotion_of_this_cell_from_it(
    agent: AgentManifest, cells: list[CellLevel], risk: Risk
) -> None:
    """Nothing else raises, and never beyond what was granted."""
    declared = agent.autonomy_for(REFUND, risk)
    level = effective_level(agent, REFUND, risk, cells)
    granted = [
        LADDER.index(cell.level)
        for cell in cells
        if (cell.agent, cell.kind, cell.declared) == ("clerk", "promotion", declared)
        and cell.cell == Cell(tool="Refund", risk=risk)
    ]
    assert LADDER.index(level) <= max([LADDER.index(declared), *granted])
