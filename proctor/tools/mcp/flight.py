"""What is known of one call while it is under way: what may be believed of it afterwards depends on that."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class Flight:
    """One call, from before it is sent."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Headers of this call alone, over HTTP."""
    dispatched: bool = False
    """Whether any of it may have left the process."""
    status: int | None = None
    """Status of the answer, over HTTP."""
    refused: str = ""
    """Why it may not leave at all."""


FLIGHT: ContextVar[Flight | None] = ContextVar("mcp_flight", default=None)
"""The call that the running code sends; the SDK sends each request in the context of whoever asked for it."""
