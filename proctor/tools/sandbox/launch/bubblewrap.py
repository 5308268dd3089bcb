"""The same view built by bubblewrap. The last steps follow inside it, in an interpreter of their own."""

import marshal
import os
import sys
from typing import NoReturn

from proctor.tools.sandbox.launch.confine import REPORT, become
from proctor.tools.sandbox.launch.plan import Plan, read_plan

BEGAN = "began "
"""What the last steps report first: bubblewrap has done its part."""
CANNOT_START = 125
_NAMESPACES = ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
_LAST_STEPS = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
"""What the last steps need to give up root for another user; they are gone with it."""


def enter(plan: Plan, report: int) -> NoReturn:
    """Become bubblewrap. Raises `OSError` when it is not there."""
    inner = _in_memory(marshal.dumps({**plan, "bubblewrap": ""}))
    os.set_inheritable(report, True)
    steps = f"from proctor.tools.sandbox.launch.bubblewrap import last_steps;last_steps({inner},{report})"
    code = f"import sys;sys.path.append({sys.path[-1]!r});{steps}"
    line = [plan["bubblewrap"], *_namespaces(plan), *_view(plan), *_scratch(plan), "--remount-ro", "/"]
    os.execv(line[0], [*line, "--", sys.executable, "-I", "-S", "-c", code])  # noqa: S606 - no shell is the point


def last_steps(plan_at: int, report: int) -> NoReturn:
    """Turn into the command, inside the view."""
    plan = read_plan(plan_at)
    os.write(report, BEGAN.encode())
    try:
        become(plan, report)
    except OSError as error:
        os.write(REPORT, f"refused {plan['command'][0]}: {error}".encode())
    os._exit(CANNOT_START)


def _namespaces(plan: Plan) -> list[str]:
    line = [*_NAMESPACES, "--die-with-parent", "--new-session", "--clearenv"]
    if plan["is_root"]:
        return [*line, "--cap-drop", "ALL", *(word for name in _LAST_STEPS for word in ("--cap-add", name))]
    return [*line, "--unshare-user", "--uid", str(plan["user"]), "--gid", str(plan["user"])]


def _view(plan: Plan) -> list[str]:
    line: list[str] = []
    made: set[str] = set()
    for path in sorted(plan["visible"]):
        # bubblewrap makes the folders above for root alone.
        for folder in _above(path):
            if folder not in made:
                line += ["--perms", "0755", "--dir", folder]
        made |= {*_above(path), path}
        line += ["--ro-bind", path, path]
    line += ["--proc", "/proc"]
    for path in plan["devices"]:
        line += ["--dev-bind", path, path]
    for path, content in plan["files"].items():
        line += ["--perms", "0644", "--file", str(_in_memory(content)), path]
    for path, says in plan["links"].items():
        line += ["--symlink", says, path]
    return line


def _above(path: str) -> list[str]:
    parts = path.split("/")[1:-1]
    return ["/" + "/".join(parts[: n + 1]) for n in range(len(parts))]


def _scratch(plan: Plan) -> list[str]:
    if not plan["scratch_mb"]:
        return ["--dir", plan["scratch"]]
    # bubblewrap makes it root's; the command, alone in there, is somebody else.
    size = plan["scratch_mb"] * 1024 * 1024
    return ["--perms", "0777", "--size", str(size), "--tmpfs", plan["scratch"]]


def _in_memory(content: bytes) -> int:
    file = os.memfd_create("proctor", 0)
    os.write(file, content)
    os.lseek(file, 0, os.SEEK_SET)
    return file
