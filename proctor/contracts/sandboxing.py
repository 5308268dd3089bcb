"""What a sandboxed tool is given. Everything else is denied: network, other files, other processes, the environment."""

from pydantic import Field

from proctor.contracts.base import Contract


class SandboxProfile(Contract):
    """Limits of one sandboxed call; the contract's `timeout_s` bounds its wall clock."""

    memory_mb: int = Field(default=256, ge=16, le=65_536)
    cpu_s: float = Field(default=10.0, gt=0, le=3600)
    processes: int = Field(default=16, ge=1, le=1024)
    """Processes and threads together."""
    open_files: int = Field(default=64, ge=16, le=4096)
    scratch_mb: int = Field(default=16, ge=0, le=16_384)
    """Size of the one folder that can be written; it is gone after the call. 0: nothing can be written."""
    output_kb: int = Field(default=256, ge=1, le=1024)
    """Bytes of standard output that are read; more is a failure."""
    reads: tuple[str, ...] = ()
    """Folders of the project, relative to its root, that can be read besides the system's own."""
