"""The launcher: stands between the worker and a sandbox, watches over it, and ends it.

    worker ── launcher ── first process of the sandbox ── command ── its descendants

The launcher reports one line on its status descriptor: why it ended, the exit status (128 + signal for one that a
signal ended), and a text. When the worker goes, the leash breaks and the launcher ends the sandbox; when the launcher
goes, the kernel ends the first process, and with it everything in its process namespace.
"""

import os
import select

from proctor.tools.sandbox.launch import bubblewrap, kernel, view
from proctor.tools.sandbox.launch.confine import REPORT, become
from proctor.tools.sandbox.launch.plan import Plan, read_plan
from proctor.tools.sandbox.launch.watch import Watch

CANNOT_START = 125
SIGKILL, SIGXCPU = 9, 24
"""By number: `signal` imports much."""
OUT_OF_TIME = 128 + SIGXCPU


def main(plan_at: int, status_at: int, leash: int) -> None:
    """Run the plan to its end and report."""
    why, code, text = "refused", CANNOT_START, ""
    try:
        # Left open, and inheritable: that the command has it no more shows that descriptors are closed before it.
        plan = read_plan(plan_at)
        why, code, text = _launch(plan, status_at, leash)
    except OSError as error:
        text = str(error)
    os.write(status_at, f"{why} {code} {text[:500]}\n".encode())
    os._exit(0)


def _launch(plan: Plan, status_at: int, leash: int) -> tuple[str, int, str]:
    if not plan["is_root"] and not plan["bubblewrap"]:
        _enter_user_namespace(plan["user"])
    elif not plan["bubblewrap"]:
        kernel.unshare(kernel.CLONE_NEWPID)
    report_in, report_out = os.pipe()
    go_in, go_out = os.pipe()
    first = os.fork()
    if not first:
        for unwanted in (status_at, leash, report_in, go_out):
            os.close(unwanted)
        _first(plan, report_out, go_in)
    os.close(report_out)
    os.close(go_in)
    _let_go()
    os.write(go_out, b"!")
    why = _wait(first, leash, Watch(first, plan))
    _, status = os.waitpid(first, 0)
    return _verdict(plan, why, status, _drain(report_in))


def _enter_user_namespace(user: int) -> None:
    """Become `user` in a user namespace of our own, in which we may mount; outside we stay who we are."""
    outside_user, outside_group = os.getuid(), os.getgid()
    kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWPID)
    maps = (("setgroups", "deny"), ("uid_map", f"{user} {outside_user} 1"), ("gid_map", f"{user} {outside_group} 1"))
    for name, line in maps:
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)


def _let_go() -> None:
    """Leave the standard streams to the sandbox: who holds an end of a pipe keeps it from closing."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)


def _first(plan: Plan, report: int, go: int) -> None:
    """Be the first process of the sandbox: build it, start the command, bury the dead, tell how the command ended."""
    try:
        os.setsid()
        kernel.prctl(kernel.PR_SET_PDEATHSIG, SIGKILL)
        if not os.read(go, 1):
            os._exit(CANNOT_START)
        _volunteer()
        if plan["bubblewrap"]:
            bubblewrap.enter(plan, report)
        view.build(plan)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        _run(plan, report)
    except OSError as error:
        os.write(report, f"refused {error}".encode())
    os._exit(CANNOT_START)


def _volunteer() -> None:
    """Ask to be killed first when the machine itself runs out of memory."""
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def _run(plan: Plan, report: int) -> None:
    command = os.fork()
    if not command:
        try:
            become(plan, report)
        except OSError as error:
            os.write(REPORT, f"refused {plan['command'][0]}: {error}".encode())
        os._exit(CANNOT_START)
    for standard in (0, 1, 2):
        os.close(standard)
    while True:
        pid, status = os.wait()
        if pid == command:
            os.write(report, f"ended {_code(status)}".encode())
            os._exit(0)


def _wait(first: int, leash: int, watch: Watch) -> str:
    """Wait for the end; gives which limit was passed, `stopped` when the worker let go, or nothing."""
    ended = os.pidfd_open(first)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(leash, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll(watch.pause_s() * 1000)}
        if ended in ready:
            return ""
        why = "stopped" if leash in ready else watch.excess()
        if why:
            os.kill(first, SIGKILL)
            return why


def _drain(descriptor: int) -> str:
    parts = []
    while part := os.read(descriptor, 4096):
        parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _verdict(plan: Plan, why: str, status: int, report: str) -> tuple[str, int, str]:
    if not why and "refused " in report:
        return "refused", CANNOT_START, report.partition("refused ")[2]
    if not why and plan["bubblewrap"] and bubblewrap.BEGAN not in report:
        return "refused", CANNOT_START, "bubblewrap could not build the sandbox; its own words are on standard error"
    ended = int(report.removeprefix("ended ")) if report.startswith("ended ") else _code(status)
    if not why and ended == OUT_OF_TIME:
        why = "cpu"
    return why or "exit", ended, ""
