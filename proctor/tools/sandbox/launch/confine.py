"""The last steps before the command: another user, limits, Landlock and seccomp; then there is no way back."""

import os
import resource

from proctor.tools.sandbox.launch import kernel
from proctor.tools.sandbox.launch.plan import Plan

LAST_CAPABILITY = 63
REPORT = 3
"""Where the last steps say what was refused."""


def become(plan: Plan, report: int) -> None:
    """Turn into the command. Returns never: raises `OSError` when any step is refused.

    Beside the standard streams one descriptor is kept, `report` as number 3, and it closes itself when the command
    begins.
    """
    os.setsid()
    keep_only(report)
    os.umask(0o077)
    _limit(plan)
    _change_user(plan)
    os.chdir(plan["directory"])
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    _enter_landlock(plan)
    kernel.filter_calls(plan["seccomp"])
    os.execvpe(plan["command"][0], plan["command"], plan["environment"])  # noqa: S606 - no shell is the point


def keep_only(report: int) -> None:
    """Close every descriptor but the standard ones and `report`, which becomes number 3 and closes at exec."""
    if report != REPORT:
        os.dup2(report, REPORT)
    os.set_inheritable(REPORT, False)
    os.closerange(REPORT + 1, os.sysconf("SC_OPEN_MAX"))


def _limit(plan: Plan) -> None:
    for kind, value in plan["limits"]:
        resource.setrlimit(kind, (value, value))


def _change_user(plan: Plan) -> None:
    for capability in range(LAST_CAPABILITY):
        try:
            kernel.prctl(kernel.PR_CAPBSET_DROP, capability)
        except OSError:
            break
    user = plan["user"]
    if plan["is_root"]:
        os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    kernel.drop_capabilities()


def _enter_landlock(plan: Plan) -> None:
    if not plan["landlock"]:
        return
    ruleset = kernel.landlock_ruleset(plan["landlock"])
    for path, access in plan["rules"]:
        if os.path.lexists(path):
            kernel.landlock_allow(ruleset, path, access)
    kernel.landlock_enter(ruleset)
    os.close(ruleset)
