"""Obligations: what must be done along with a call that is allowed."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field

from proctor.contracts.base import Contract
from proctor.contracts.ids import PrincipalName

Member = TypeVar("Member")


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Listed = Annotated[tuple[Member, ...], BeforeValidator(_frozen)]
"""A list of a document: an obligation comes here through `_named`, so that it is no JSON text any more, and a strict
reading would refuse a list."""


class ReviewAfter(Contract):
    """A person looks at the effect afterwards (autonomy level `supervised`)."""

    kind: Literal["review_after"] = "review_after"


class Redact(Contract):
    """Take these out of the result before anything records or sees it: dotted paths into the result."""

    kind: Literal["redact"] = "redact"
    fields: Listed[str] = Field(min_length=1)


class Quorum(Contract):
    """Ask `count` different people with this role, not one; the requester is never among them."""

    kind: Literal["quorum"] = "quorum"
    count: int = Field(ge=1, le=10)
    role: Literal["approver", "owner", "operator"] = "approver"


class Stage(Contract):
    """One stage of an approval: `count` different people with this role. Nobody counts in two stages."""

    name: str = Field(default="", max_length=60)
    count: int = Field(default=1, ge=1, le=10)
    role: Literal["approver", "owner", "operator"] = "approver"


class Stages(Contract):
    """Ask people in this order: a stage is asked once the one before it has its approvals."""

    kind: Literal["stages"] = "stages"
    stages: Listed[Stage] = Field(min_length=1, max_length=8)


class Escalate(Contract):
    """When nobody has decided after so long, these principals are asked too, and may decide."""

    kind: Literal["escalate"] = "escalate"
    after_s: int = Field(ge=1, le=30 * 86_400)
    to: Listed[PrincipalName] = Field(min_length=1, max_length=20)


class Signed(Contract):
    """Approvals must carry the Ed25519 signature of the approver. The high risk tier asks for it by itself."""

    kind: Literal["signed"] = "signed"


class AskEachTime(Contract):
    """No standing grant answers for a person: each call asks."""

    kind: Literal["ask_each_time"] = "ask_each_time"


class Notify(Contract):
    """Tell these principals when the call is dispatched."""

    kind: Literal["notify"] = "notify"
    who: Listed[PrincipalName] = Field(min_length=1)


class MaxAmount(Contract):
    """Where the rule applies, the argument (dotted path) may not be beyond `max`; more is forbidden."""

    kind: Literal["max_amount"] = "max_amount"
    argument: str
    max: float


class CoolDown(Contract):
    """Where the rule applies, the next call of the tool by this agent is forbidden for so long."""

    kind: Literal["cool_down"] = "cool_down"
    seconds: int = Field(gt=0, le=366 * 86_400)


def _named(value: Any) -> Any:
    """Read an obligation that is written as its bare name, as the first records do."""
    return {"kind": value} if isinstance(value, str) else value


Obligation = Annotated[
    Annotated[
        ReviewAfter | Redact | Quorum | Stages | Escalate | Signed | AskEachTime | Notify | MaxAmount | CoolDown,
        Field(discriminator="kind"),
    ],
    BeforeValidator(_named),
]
