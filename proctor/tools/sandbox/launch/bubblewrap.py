"""The same view built by bubblewrap. The last steps follow inside it, in an interpreter of their own."""

import marshal
import os
import sys

from proctor.tools.sandbox.launch import view
from proctor.tools.sandbox.launch.confine import REPORT, become, keep_only
from proctor.tools.sandbox.launch.plan import Plan, read_plan

BEGAN = "began "
"""What the last steps report first: bubblewrap has done its part."""
CANNOT_START = 125
_NAMESPACES = ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
_LAST_STEPS = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_SYS_ADMIN")
"""What the last steps need, to mount and to become somebody else; they end by giving them up."""


def enter(plan: Plan, report: int) -> None:
    """Become bubblewrap. Raises `OSError` when it is not there."""
    inner = _in_memory(marshal.dumps({**plan, "bubblewrap": ""}))
    os.set_inheritable(report, True)
    steps = f"from proctor.tools.sandbox.launch.bubblewrap import last_steps;last_steps({inner},{report})"
    code = f"import sys;sys.path.append({sys.path[-1]!r});{steps}"
    line = [plan["bubblewrap"], *_namespaces(plan), *_view(plan), "--remount-ro", "/"]
    os.execv(line[0], [*line, "--", sys.executable, "-I", "-S", "-c", code])  # noqa: S606 - no shell is the point


def last_steps(plan_at: int, report: int) -> None:
    """Turn into the command, inside the view."""
    plan = read_plan(plan_at)
    keep_only(report)
    os.write(REPORT, BEGAN.encode())
    try:
        view.furnish("", plan)
        become(plan, REPORT)
    except OSError as error:
        os.write(REPORT, f"refused {plan['command'][0]}: {error}".encode())
    os._exit(CANNOT_START)


def _namespaces(plan: Plan) -> list[str]:
    line = [*_NAMESPACES, "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    line += [word for name in _LAST_STEPS for word in ("--cap-add", name)]
    user = str(plan["user"])
    return line if plan["is_root"] else [*line, "--unshare-user", "--uid", user, "--gid", user]


def _view(plan: Plan) -> list[str]:
    line = _folders([*plan["visible"], *plan["devices"], *plan["files"], *plan["links"]], set(plan["visible"]))
    for path in sorted(plan["visible"]):
        line += ["--ro-bind", path, path]
    for path in plan["devices"]:
        line += ["--dev-bind", path, path]
    for path, content in plan["files"].items():
        line += ["--perms", "0644", "--file", str(_in_memory(content)), path]
    for path, says in plan["links"].items():
        line += ["--symlink", says, path]
    # Mounted by the last steps: bubblewrap cannot limit how many files there are, nor hide the machine in /proc.
    line += ["--perms", "0755", "--dir", plan["scratch"], "--perms", "0755", "--dir", "/proc"]
    # Without root the kernel lets nobody mount a /proc who does not see one already.
    return line if plan["is_root"] else [*line, "--proc", "/proc", "--remount-ro", "/proc"]


def _folders(paths: list[str], mounted: set[str]) -> list[str]:
    """Make the folders above for everybody: bubblewrap would make them for root alone."""
    line, made = [], set(mounted)
    for path in sorted(paths):
        for folder in _above(path):
            if folder in mounted:
                break
            if folder not in made:
                line += ["--perms", "0755", "--dir", folder]
                made.add(folder)
    return line


def _above(path: str) -> list[str]:
    parts = path.split("/")[1:-1]
    return ["/" + "/".join(parts[: n + 1]) for n in range(len(parts))]


def _in_memory(content: bytes) -> int:
    file = os.memfd_create("proctor", 0)
    os.write(file, content)
    os.lseek(file, 0, os.SEEK_SET)
    return file
