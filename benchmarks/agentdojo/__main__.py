"""`python -m benchmarks.agentdojo [--suite S] [--mode no-plan|declared] [--calls]`: injections against our policy."""

import argparse
import contextlib
import io
import sys
import time

from benchmarks.agentdojo.measure import Figures, measure
from benchmarks.agentdojo.plans import no_plan, plan_of
from benchmarks.agentdojo.sides import allow_all, ask_every_write, proctor
from benchmarks.agentdojo.suites import HELD_OUT, TUNED_ON, suites

SIDES = {
    "allow all": (allow_all, no_plan),
    "ask for every write": (ask_every_write, no_plan),
    "proctor, no plan": (proctor, no_plan),
    "proctor, declared plan": (proctor, plan_of),
}
MODES = {"no-plan": "proctor, no plan", "declared": "proctor, declared plan"}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agentdojo", description=__doc__)
    parser.add_argument("--suite", action="append", choices=(*TUNED_ON, *HELD_OUT), help="repeatable; all without")
    parser.add_argument("--mode", choices=tuple(MODES), help="both, and the reference policies, without")
    parser.add_argument("--calls", action="store_true", help="list the user's calls that a person was asked about")
    given = parser.parse_args()
    names = given.suite or [*TUNED_ON, *HELD_OUT]
    sides = [MODES[given.mode]] if given.mode else list(SIDES)
    found = suites()
    for side in sides:
        judge, declare = SIDES[side]
        begun, total = time.perf_counter(), Figures()
        for name in names:
            with contextlib.redirect_stdout(io.StringIO()):
                figures = measure(found[name], judge, declare)
            total += figures
            _print(side, name, figures, given.calls)
        _print(side, "total", total, False)
        sys.stderr.write(f"{side}: {time.perf_counter() - begun:.1f} s\n")
    return 0


def _print(side: str, name: str, figures: Figures, calls: bool) -> None:
    print(
        f"{side:24} {name:10} attacks {figures.attacks:3} of {figures.pairs:3}   approvals {figures.approvals:3} of "
        f"{figures.calls:3} calls   utility {figures.useful:2} of {figures.tasks:2}   "
        f"denied {figures.denied}   under attack: utility {figures.useful_under_attack} of {figures.pairs}",
        flush=True,
    )
    for line in (*figures.held_up, *figures.breaches) if calls else ():
        print("   ", line)


if __name__ == "__main__":
    raise SystemExit(main())
