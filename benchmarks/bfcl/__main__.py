"""`python -m benchmarks.bfcl FOLDER`: every tool and call of BFCL, and every way of a fixed set to get a call wrong.

The right calls must be accepted and the wrong ones refused, by the compiled policy that judges calls of real runs. The
time of one check is taken beside `jsonschema` on the same schemas and calls, in the same run.
"""

import argparse
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator

from benchmarks.bfcl.corpus import Question, Tool, questions
from benchmarks.bfcl.judging import contract_of, is_refused, policy_of
from benchmarks.bfcl.mutations import mutations
from benchmarks.figures import percentile
from benchmarks.report import machine
from proctor.contracts.arguments import arguments_fit
from proctor.contracts.closing import closed
from proctor.contracts.misfits import MAX_PROBLEMS_BYTES
from proctor.contracts.schemas import schema_problem

BLOCKS: Final = 5
ROUNDS: Final = 3
"""Times that each call is checked; a first one that is not counted comes before."""
SHOWN: Final = 12


class Found:
    """What came out, counted."""

    def __init__(self) -> None:
        self.counts = Counter[str]()
        self.refused_truths: list[str] = []
        self.accepted: list[str] = []
        self.longest = 0
        self._compiling: dict[str, bool] = {}

    def judge(self, question: Question) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Judge the calls of a question and all that goes wrong with them; gives the accepted calls."""
        schemas = {tool.name: tool.schema for tool in question.tools}
        self.counts["tools"] += len(question.tools)
        unusable = [tool.name for tool in question.tools if not self._compiles(tool)]
        self.counts["tools whose schema does not compile"] += len(unusable)
        accepted: list[tuple[dict[str, Any], dict[str, Any]]] = []
        if not question.calls:
            return accepted
        policy = policy_of(question.tools)
        for name, arguments in question.calls:
            self.counts["calls"] += 1
            refused, why = is_refused(policy, name, arguments)
            if refused:
                self.refused_truths.append(f"{question.id} {name}: {why}")
                continue
            accepted.append((schemas[name], arguments))
            self._get_wrong(question.id, policy, (name, schemas[name], arguments))
        return accepted

    def _compiles(self, tool: Tool) -> bool:
        """Check each different schema once: the corpus offers many a tool a hundred times."""
        key = json.dumps(tool.schema, sort_keys=True)
        if key not in self._compiling:
            self._compiling[key] = schema_problem(contract_of(tool).input_schema) is None
            self.counts["different schemas"] += 1
        return self._compiling[key]

    def _get_wrong(self, where: str, policy: Any, call: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
        name, schema, arguments = call
        self._expect_refusal("tool that is not offered", where, is_refused(policy, f"{name}_zz", arguments)[0])
        for kind, place, wrong in mutations(schema, arguments):
            refused, why = is_refused(policy, name, wrong)
            self._expect_refusal(kind, f"{where} {name} {place}", refused)
            self.longest = max(self.longest, len(why.encode()))

    def _expect_refusal(self, kind: str, where: str, refused: bool) -> None:
        self.counts["wrong calls"] += 1
        self.counts[f"  {kind}"] += 1
        if not refused:
            self.accepted.append(f"{kind}: {where}")


def timings(calls: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, list[float]]:
    """Time one check of each call by each side, in microseconds; the sides take turns."""
    sides: dict[str, list[Callable[[], object]]] = {"proctor": [], "jsonschema": []}
    for schema, arguments in calls:
        ours, theirs = arguments_fit(schema), Draft202012Validator(closed(schema))
        sides["proctor"].append(partial(ours, arguments))
        sides["jsonschema"].append(partial(theirs.is_valid, arguments))
    taken: dict[str, list[float]] = {side: [] for side in sides}
    size = -(-len(calls) // BLOCKS)
    for start in range(0, len(calls), size):
        for side, works in sides.items():
            taken[side] += _each(works[start : start + size])
    return taken


def _each(works: Sequence[Callable[[], object]]) -> list[float]:
    clock = time.perf_counter_ns
    gc.collect()
    gc.disable()
    try:
        return [_once(work, clock) for _ in range(ROUNDS + 1) for work in works][len(works) :]
    finally:
        gc.enable()


def _once(work: Callable[[], object], clock: Callable[[], int]) -> float:
    start = clock()
    work()
    return (clock() - start) / 1000


def main() -> int:
    """Judge, time and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bfcl", description=__doc__)
    parser.add_argument("folder", type=Path, help="where bfcl-eval was unpacked to")
    found, calls = Found(), []
    for question in questions(parser.parse_args().folder):
        calls += found.judge(question)
    for about, text in machine().items():
        print(f"{about:<12} {text}")
    for what, count in found.counts.items():
        print(f"{count:>8,}  {what}")
    print(f"{len(found.refused_truths):>8,}  right calls refused", *found.refused_truths, sep="\n          ")
    print(f"{len(found.accepted):>8,}  wrong calls accepted", *found.accepted[:SHOWN], sep="\n          ")
    print(f"{found.longest:>8,}  bytes of the longest refusal (limit {MAX_PROBLEMS_BYTES:,})")
    for side, samples in timings(calls).items():
        print(f"one check: {side:<11} p50 {percentile(samples, 50):8.2f} µs   p99 {percentile(samples, 99):8.2f} µs")
    return bool(found.accepted)


if __name__ == "__main__":
    sys.exit(main())
