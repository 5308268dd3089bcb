"""The kill switch: fences, orders and receipts (DESIGN §6)."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from proctor.contracts.base import Contract
from proctor.contracts.ids import EffectKey, PrincipalName, RequestId, RunId, ToolName


class KillScope(StrEnum):
    """What a kill covers."""

    RUN = "run"
    AGENT = "agent"
    TOOL = "tool"
    TENANT = "tenant"
    ALL = "all"


class KillOrder(Contract):
    """A person's order to stop."""

    scope: KillScope
    value: str = ""
    """Run id, agent, tool or tenant; empty for `all`."""
    actor: PrincipalName
    reason: str = Field(min_length=1, max_length=500)
    mode: Literal["compensate", "freeze"]
    """Whether the killed runs take their effects back or stay as they are."""


class Fence(Contract):
    """A kill in force. From its commit on, no intent can be written in its scope."""

    epoch: int
    """Increases with every kill; names the fence."""
    scope: KillScope
    value: str
    actor: PrincipalName
    reason: str
    mode: Literal["compensate", "freeze"]
    raised_at: datetime
    released_at: datetime | None = None
    released_by: PrincipalName | None = None


EffectFate = Literal["confirmed", "failed", "unknown", "in_flight"]


class ReceiptLine(Contract):
    """One effect of a run, and what became of it."""

    key: EffectKey
    tool: ToolName
    fate: EffectFate
    after_fence: bool
    """Whether it ended after the fence: it was under way when the kill came."""
    compensation: Literal["none", "done", "failed", "not_possible", "not_needed"]


class Receipt(Contract):
    """What a run had done when it ended; for a kill, the truth about what it could not stop."""

    run_id: RunId
    status: str
    reason: str = ""
    """Why it ended; also when its workflow had to be terminated and could take nothing back."""
    epoch: int | None = None
    """Fence that ended the run, if one did."""
    lines: tuple[ReceiptLine, ...] = ()
    open_items: tuple[RequestId, ...] = ()
