"""`python -m benchmarks [--quick] [--json FILE] [NAME…]`: measure beside the bare loop, on this machine, now."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from benchmarks.report import machine, print_report, write_json
from benchmarks.scale import FULL, QUICK
from benchmarks.suite import NAMES, run_suite


def _say(text: str) -> None:
    sys.stderr.write(f"measuring {text}\n")
    sys.stderr.flush()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}; all without")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to FILE")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    about = machine()
    figures = asyncio.run(run_suite(given.names or NAMES, QUICK if given.quick else FULL, _say))
    print_report(about, figures)
    if given.json:
        write_json(given.json, about, figures)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # A Python process that used a Temporal client may crash at exit (sdk-python#300).
