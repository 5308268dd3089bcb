"""The live level of a cell: what the manifest declares, raised by a promotion, under every ceiling (DESIGN §7)."""

from collections.abc import Iterable, Sequence
from typing import Final

from proctor.contracts.governing import Cell, CellLevel
from proctor.contracts.ids import ToolName
from proctor.contracts.manifest import AgentManifest, Autonomy
from proctor.contracts.tool import Risk

LADDER: Final = tuple(Autonomy)
"""From least to most."""


def effective_level(manifest: AgentManifest, tool: ToolName, risk: Risk, cells: Sequence[CellLevel]) -> Autonomy:
    """Give the level at which a tool may be called at a risk tier, whatever the order of `cells`.

    Nothing that a requester, a model or a tool says is among the inputs. What it guarantees:

    - A demotion is a ceiling on every cell that it names, `*` included; the lowest one wins, and adding one never
      raises the level.
    - Only a promotion of this very cell counts, because evidence is gathered for one tool at one tier; one of a `*`
      cell is not heeded. It lifts the ceilings that are older than itself.
    - A promotion holds while the manifest declares the level that it was made from. Once that changes it raises
      nothing, and the older ceilings are back.
    """
    declared = manifest.autonomy_for(tool, risk)
    cell = Cell(tool=tool, risk=risk)
    matching = [level for level in cells if level.agent == manifest.name and is_within(cell, level.cell)]
    promotion = _newest_promotion(matching, cell)
    ceilings = [level for level in matching if level.kind == "demotion"]
    if promotion is None:
        return _lowest(declared, ceilings)
    if promotion.declared != declared:
        return _lowest(declared, [*ceilings, *_left_of_a_ceiling(promotion)])
    return _lowest(promotion.level, (level for level in ceilings if level.at >= promotion.at))


def one_above(level: Autonomy) -> Autonomy | None:
    """Give the next level up; None at the top."""
    rank = LADDER.index(level) + 1
    return LADDER[rank] if rank < len(LADDER) else None


def is_within(cell: Cell, wider: Cell) -> bool:
    """Whether a cell is all or part of another; `*` has every tool, or every tier, in it."""
    return wider.tool in {cell.tool, "*"} and wider.risk in {cell.risk, "*"}


def _newest_promotion(levels: Iterable[CellLevel], cell: Cell) -> CellLevel | None:
    """Give the promotion of exactly this cell that counts: the newest; of two at one moment, the lower."""
    promotions = [level for level in levels if level.kind == "promotion" and level.cell == cell]
    return max(promotions, key=lambda level: (level.at, -LADDER.index(level.level)), default=None)


def _left_of_a_ceiling(promotion: CellLevel) -> list[CellLevel]:
    """Keep what a promotion had left standing: one to below the declared level only lifted a demotion in part."""
    return [promotion] if LADDER.index(promotion.level) < LADDER.index(promotion.declared) else []


def _lowest(level: Autonomy, ceilings: Iterable[CellLevel]) -> Autonomy:
    for ceiling in ceilings:
        level = level.lower_of(ceiling.level)
    return level
