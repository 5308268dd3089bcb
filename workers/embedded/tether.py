"""Ties a child process to its parent: the child gets SIGTERM when the parent dies, however it dies."""

import os
import signal
import sys
from collections.abc import Sequence

# Runs as a small interpreter that then becomes the child: after exec the setting stays, and nothing of ours runs
# between fork and exec of a process that has threads. A parent that died before the setting is seen by its pid.
# PR_SET_PDEATHSIG is 1; systems without prctl run the child untied.
_TETHER = """
import os, sys
parent, sig = int(sys.argv[1]), int(sys.argv[2])
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, sig)
    if os.getppid() != parent:
        sys.exit(1)
os.execvp(sys.argv[3], sys.argv[3:])
"""


def tethered(command: Sequence[str]) -> list[str]:
    """Give the command that runs `command` tied to this process.

    Start it from the main thread: Linux takes the end of the starting thread for the end of the parent.
    """
    return [sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid()), str(int(signal.SIGTERM)), *command]
