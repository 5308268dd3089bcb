"""The console command. First of all it checks that our generic top-level packages are really ours."""

import contextlib
import logging
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from proctor.contracts.errors import ProctorError
from proctor.project_folder import project_root

if TYPE_CHECKING:  # Importing them takes longer than `proctor --help` may.
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from proctor.settings import Settings
    from proctor.tools.dispatcher import ToolDispatcher
    from workers.findings import Finding

ROOT = Path(__file__).resolve().parents[1]
OUR_PACKAGES = ("proctor", "gateway", "workers", "workflows", "activities", "policies", "demo")
EXIT_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command and end the process with its exit code."""
    code = _run()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    logging.shutdown()
    # Not `sys.exit`: an interpreter that used a Temporal client may crash on its way out, and the exit code would lie.
    os._exit(code)


def _run() -> int:
    try:
        check_packages(ROOT)
        find_modules_of(Path.cwd())
        from gateway.cli.main import run
        from gateway.cli.session import Wiring

        entries: dict[str, Callable[..., Any]] = {
            "dev": run_dev,
            "worker": run_worker,
            "gateway": run_gateway,
            "demo": run_demo,
            "doctor": run_doctor,
            "tools": open_tools,
        }
        return run(wiring=Wiring(os.environ, Path.cwd(), entries=entries))
    except ProctorError as error:
        sys.stderr.write(f"proctor: {error.diagnostics()}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return EXIT_INTERRUPTED


def check_packages(root: Path) -> None:
    """Make sure that each of our top-level names is imported from `root`: packages on the index share four of them.

    Equality, not "somewhere below `root`": a virtual environment may lie inside the project.

    Raises:
        ProctorError: another package stands in for ours; the message names it.

    """
    for name in OUR_PACKAGES:
        spec = find_spec(name)
        origin = None if spec is None or spec.origin is None else Path(spec.origin)
        if origin is None or origin.resolve() != root / name / "__init__.py":
            raise ProctorError(
                f"the package `{name}` is not Proctor's: {_culprit(name, origin)}",
                hint="uninstall that, or give Proctor an environment of its own with `make setup`",
            )


def find_modules_of(cwd: Path) -> None:
    """Let Python tools be imported from the root of the project around `cwd`.

    It comes last on the path: no file of a project can stand in for a package that is installed, or for ours.
    """
    root = str(project_root(cwd))
    if root not in sys.path:
        sys.path.append(root)


def _culprit(name: str, origin: Path | None) -> str:
    if origin is None:
        return "there is none"
    from importlib.metadata import packages_distributions

    owners = packages_distributions().get(name, [])
    return f"{origin} comes first" + (f" (from {', '.join(sorted(set(owners)))})" if owners else "")


def run_dev(settings: "Settings", *, workers: int, port: int, ui_port: int, gateway_port: int | None) -> int:
    """Run the stack in the foreground."""
    import asyncio

    from proctor.local import local_order
    from proctor.telemetry.logs import set_up_logs
    from workers import foreground
    from workers.embedded.temporal import TemporalPorts

    set_up_logs(settings.log_level)
    order = local_order(ports=TemporalPorts(grpc=port, ui=ui_port), workers=workers, gateway_port=gateway_port)
    return asyncio.run(foreground.run_dev(settings, order))


def run_worker(settings: "Settings") -> int:
    """Run one worker until it is told to stop."""
    from proctor.composition import build_worker
    from workers.process import work

    return work(settings, build_worker)


def run_gateway(settings: "Settings") -> int:
    """Run the REST gateway until it is told to stop."""
    from gateway.http.server import serve_gateway

    return serve_gateway(settings, os.environ)


def run_demo(settings: "Settings", *, model: str | None) -> int:
    """Play the demo on a stack of its own."""
    from demo import show
    from proctor.telemetry.logs import set_up_logs

    set_up_logs("warning")
    return show.run_demo(settings, model=model, environ=os.environ)


def run_doctor(settings: "Settings") -> "list[Finding]":
    """Look for what is missing."""
    import asyncio

    from workers.doctor import diagnose

    return asyncio.run(diagnose(settings))


def open_tools(settings: "Settings", environ: "Mapping[str, str]") -> "AbstractAsyncContextManager[ToolDispatcher]":
    """Give the tools as a worker calls them, for contract tests."""
    from workers.live_tools import open_tools as opened

    return opened(settings, environ)


if __name__ == "__main__":
    main()
