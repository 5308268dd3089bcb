"""The back ends of this host, each as a sandbox that shows a project of its own; and weakened ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proctor.tools.sandbox.host import Host
from proctor.tools.sandbox.launch.plan import Plan
from proctor.tools.sandbox.local import BackEnd, LocalSandbox, missing_for

HOST = Host.look()
BACK_ENDS: tuple[BackEnd, ...] = ("native", "bubblewrap")
Weaken = Callable[[Plan], Any]


def back_end(name: BackEnd) -> Any:
    """Mark a back end that this host does not have."""
    missing = missing_for(HOST, name)
    return pytest.param(name, marks=pytest.mark.skipif(bool(missing), reason="; ".join(missing) or "present"))


class WeakenedSandbox(LocalSandbox):
    """A sandbox without one of its protections."""

    def __init__(self, root: Path, weaken: Weaken) -> None:
        super().__init__(root, root / ".proctor", HOST, "native")
        self._weaken = weaken

    def _plan(self, *arguments: Any) -> Plan:
        plan = super()._plan(*arguments)
        self._weaken(plan)
        return plan
