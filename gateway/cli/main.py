"""The command `proctor`: parses, prints, and turns every error into one line and an exit code."""

import io
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from gateway.cli import (
    access,
    audit,
    autonomy,
    breakers,
    catalog,
    control,
    decide,
    drills,
    egress,
    explain,
    kills,
    operate,
    outside,
    policy,
    principals,
    reviews,
    runs,
    standing,
    tools,
    watch,
)
from gateway.cli.other_words import CommandWithOtherWords
from gateway.cli.output import say
from gateway.cli.session import Wiring
from gateway.cli.visible import visible_line
from proctor.contracts.errors import ProctorError

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="proctor",
    cls=CommandWithOtherWords,
    help="Run autonomous agents in production: durable, governed, accountable, stoppable.",
    epilog="Exit codes: 0 ok, 1 error, 2 usage, 3 denied, cancelled or timed out, 4 not authorised, 5 run failed, "
    "6 blocked by policy, 8 still pending, 130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_PARTS = (
    *(runs, watch, explain, decide, standing, control, reviews, autonomy, policy),
    *(kills, breakers, drills, egress, audit, catalog, tools, principals, access, outside, operate),
)
for _part in _PARTS:
    _part.register(app)


def run(
    arguments: Sequence[str] | None = None,
    wiring: Wiring | None = None,
    *,
    entries: Mapping[str, Callable[..., Any]] | None = None,
) -> int:
    """Run the command and give its exit code; never raises. `entries` are described at `Wiring`.

    After it the process must end by `os._exit` once stdout and stderr are flushed: a Temporal client that was used
    may otherwise crash the interpreter on its way out, and the exit code would lie.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    wiring = wiring or Wiring(os.environ, Path.cwd(), entries or {})
    return _call(list(arguments) if arguments is not None else sys.argv[1:], wiring)


def _call(arguments: list[str], wiring: Wiring) -> int:
    try:
        app(arguments, prog_name="proctor", obj=wiring)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except ProctorError as error:
        say(f"proctor: {visible_line(error.diagnostics())}")
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted")
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last line of defence: a person gets one line, never a traceback
        return _unexpected(error, wiring)
    return 0


def _unexpected(error: Exception, wiring: Wiring) -> int:
    if wiring.environ.get("PROCTOR_LOG_LEVEL", "").lower() == "debug":
        say("".join(traceback.format_exception(error)))
    what = visible_line(f"{type(error).__name__}: {error}")
    say(f"proctor: internal error: {what} — PROCTOR_LOG_LEVEL=debug shows where")
    return EXIT_ERROR
