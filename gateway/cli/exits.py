"""Exit codes that stand for how a run ended."""

from typing import Any

EXIT_PENDING = 8


def exit_code_of(status: Any) -> int:
    """Give the exit code that stands for how a run ended; 8 when it has not."""
    from proctor.contracts.run import RunStatus

    codes = {
        RunStatus.COMPLETED: 0,
        RunStatus.FAILED: 5,
        RunStatus.BLOCKED: 6,
        RunStatus.DENIED: 3,
        RunStatus.CANCELLED: 3,
        RunStatus.KILLED: 3,
    }
    return codes.get(status, EXIT_PENDING)
