"""What is recorded of the hosts that workers run on."""

from typing import Any, Protocol

from proctor.contracts.ids import AgentName


def host_chain(host: str) -> AgentName:
    """Name the audit chain of a host, `agent:@host-NAME`: no agent's name begins with `@`."""
    kept = "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in host.lower())
    return AgentName(f"@host-{kept[:200] or 'unnamed'}")


class HostRecord(Protocol):
    """The audit of hosts."""

    async def record_sandbox(self, host: str, *, holds: bool, body: dict[str, Any]) -> None:
        """Append `sandbox_proved`, or `sandbox_escaped`, to the host's chain. Raises `Unavailable`."""
