"""What a measurement gives: figures with their samples, and what they are held to."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Goal:
    """What a figure of the product is held to."""

    limit: float
    sense: Literal["at_most", "at_least"]
    of: Literal["value", "ratio"] = "value"
    """The figure itself, or the figure as a multiple of the bare loop's."""

    def __str__(self) -> str:
        sign = "≤" if self.sense == "at_most" else "≥"
        return f"{sign} {self.limit:,.6g}" + (" times bare" if self.of == "ratio" else "")

    def is_met(self, value: float) -> bool:
        """Tell whether a value keeps to it."""
        return value <= self.limit if self.sense == "at_most" else value >= self.limit


@dataclass(frozen=True)
class Figure:
    """One figure of one side."""

    measure: str
    name: str
    unit: str
    side: str
    samples: tuple[float, ...]
    goal: Goal | None = None

    @property
    def value(self) -> float:
        """The median of the samples."""
        return statistics.median(self.samples)


@dataclass(frozen=True)
class Row:
    """One figure of both sides, as it is compared."""

    measure: str
    name: str
    unit: str
    bare: Figure | None
    proctor: Figure | None

    @property
    def ratio(self) -> float | None:
        """The product's figure as a multiple of the bare loop's."""
        if self.bare is None or self.proctor is None or not self.bare.value:
            return None
        return self.proctor.value / self.bare.value

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None without a goal, or without what it is compared with."""
        if self.proctor is None or self.proctor.goal is None:
            return None
        compared = self.proctor.value if self.proctor.goal.of == "value" else self.ratio
        return None if compared is None else self.proctor.goal.is_met(compared)


def rows_of(figures: Sequence[Figure]) -> list[Row]:
    """Put the figures of both sides beside each other, in the order in which they came."""
    keys = list(dict.fromkeys((figure.measure, figure.name, figure.unit) for figure in figures))
    found = {(figure.measure, figure.name, figure.unit, figure.side): figure for figure in figures}
    return [Row(*key, found.get((*key, "bare")), found.get((*key, "proctor"))) for key in keys]


def percentile(values: Sequence[float], percent: int) -> float:
    """Give a percentile by the nearest rank: a value that was really measured."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]
