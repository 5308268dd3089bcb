"""How the demo's processes begin and end: they announce where they listen, and do not outlive who started them."""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def arguments(description: str) -> argparse.ArgumentParser:
    """Give the options that all processes of the demo share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--announce", type=Path, help="file that gets the address as a JSON line, besides stdout")
    parser.add_argument("--die-with-stdin", action="store_true", help="end when standard input is closed")
    return parser


def announce(facts: dict[str, Any], path: Path | None) -> None:
    """Say as one JSON line that the process is ready; the file appears complete or not at all."""
    line = json.dumps(facts)
    if path is not None:
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(line + "\n", encoding="utf-8")
        draft.replace(path)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def die_with_stdin(end: Callable[[], None]) -> None:
    """Call `end`, then leave, when standard input reaches its end.

    Its other end is held by the process that started this one, so that this holds for kill -9 too.
    PR_SET_PDEATHSIG would not do: it fires when the starting *thread* ends.
    """

    def watch() -> None:
        while os.read(0, 1024):
            pass
        try:
            end()
        finally:
            os._exit(0)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def wait_for_sigterm() -> None:
    """Sleep until SIGTERM or SIGINT."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    while not asked.wait(timeout=3600):
        pass


def module_command(module: str, *options: str) -> list[str]:
    """Give the command that runs a module of the demo, to be started in `ROOT`."""
    return [sys.executable, "-m", module, *options]
