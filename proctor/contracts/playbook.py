"""The playbook: a planner as a document. Conditions, bounded loops and templated arguments; no code.

`docs/reference/playbook.md` describes the form for people; `proctor.contracts.playbook_check` finds the mistakes
that the shape alone does not show.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag

from proctor.contracts.base import Contract
from proctor.contracts.ids import ToolName

MAX_PASSES = 10_000
"""Upper limit of `repeat.max`."""

NodeId = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]


class Part(Contract):
    """Base of everything in a playbook; keys are the words of the document."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False)


OPERATORS = (
    "equals",
    "not_equals",
    "in",
    "contains",
    "matches",
    "less_than",
    "at_most",
    "greater_than",
    "at_least",
    "exists",
)


class Comparison(Part):
    """One question about the value at a path; exactly one operator."""

    path: str
    equals: Any = None
    not_equals: Any = None
    one_of: Any = Field(default=None, alias="in")
    contains: Any = None
    """The value is a list with this element, or a text with this in it."""
    matches: str | None = None
    """Glob over the whole text: `*` is any run of characters, `?` is one."""
    less_than: Any = None
    at_most: Any = None
    greater_than: Any = None
    at_least: Any = None
    exists: bool | None = None

    @property
    def operator(self) -> str:
        """Name of the operator, as the document spells it."""
        return next(iter(self.operators()))

    @property
    def operand(self) -> Any:
        """What the value is compared with."""
        return self.one_of if self.operator == "in" else getattr(self, self.operator)

    def operators(self) -> list[str]:
        """List the operators that the document gives."""
        given = {"in" if name == "one_of" else name for name in self.model_fields_set}
        return [name for name in OPERATORS if name in given]


class AllOf(Part):
    """Holds when every condition holds."""

    all: list["Condition"] = Field(min_length=1)


class AnyOf(Part):
    """Holds when a condition holds."""

    any: list["Condition"] = Field(min_length=1)


class Not(Part):
    """Holds when the condition is known not to hold; a missing value is not knowledge."""

    negated: "Condition" = Field(alias="not")


def tag(word: str) -> str:
    """Mark a choice between forms, so that it can be told from the words of the document in an error's place."""
    return f"<{word}>"


def _form(words: tuple[str, ...]) -> Discriminator:
    def choose(value: Any) -> str | None:
        keys = value if isinstance(value, dict) else ()
        found = [word for word in words if word in keys]
        return tag(found[0]) if len(found) == 1 else None

    return Discriminator(
        choose,
        custom_error_type="form",
        custom_error_message=f"write exactly one of {', '.join(words)}",
    )


Condition = Annotated[
    Annotated[Comparison, Tag("<path>")]
    | Annotated[AllOf, Tag("<all>")]
    | Annotated[AnyOf, Tag("<any>")]
    | Annotated[Not, Tag("<not>")],
    _form(("path", "all", "any", "not")),
]


def _by_shape(value: Any) -> str | None:
    if isinstance(value, str):
        return "<continue>"
    return "<steps>" if isinstance(value, list) else None


Reaction = Annotated[
    Annotated[Literal["continue"], Tag("<continue>")] | Annotated[list["Node"], Field(min_length=1), Tag("<steps>")],
    Discriminator(
        _by_shape, custom_error_type="form", custom_error_message="write the word continue, or a list of steps"
    ),
]
"""What to do when a call did not succeed: go on, or take these steps and then go on."""


class Step(Part):
    """What every node may say."""

    when: Condition | None = None
    """Without it the node is always taken; a node whose condition does not hold is passed over."""
    why: str | None = None
    """A sentence for the decision log; may hold templates."""


class Call(Part):
    """One tool call."""

    id: NodeId
    call: ToolName = Field(min_length=1, max_length=64)
    arguments: dict[str, Any] = Field(default_factory=dict, alias="with")


class OtherCall(Part):
    """A call that would do as well; its outcome is that of the node."""

    call: ToolName = Field(min_length=1, max_length=64)
    arguments: dict[str, Any] = Field(default_factory=dict, alias="with")


class CallNode(Step):
    """Call a tool."""

    id: NodeId
    call: ToolName = Field(min_length=1, max_length=64)
    arguments: dict[str, Any] = Field(default_factory=dict, alias="with")
    others: tuple[OtherCall, ...] = Field(default=(), alias="or", max_length=4)
    on_denied: Reaction | None = None
    on_failed: Reaction | None = None

    @property
    def orders(self) -> tuple[Call, ...]:
        """The calls that the node makes in one step."""
        return (self._order(self),)

    @property
    def alternatives(self) -> tuple[Call, ...]:
        """The calls of which policy may take one instead."""
        return tuple(map(self._order, self.others))

    def _order(self, form: "CallNode | OtherCall") -> Call:
        return Call.model_validate({"id": self.id, "call": form.call, "with": form.arguments})


class CallsNode(Step):
    """Make several calls in one step, in order."""

    id: NodeId
    calls: tuple[Call, ...] = Field(min_length=1, max_length=16)
    on_denied: Reaction | None = None
    on_failed: Reaction | None = None

    @property
    def orders(self) -> tuple[Call, ...]:
        """The calls that the node makes in one step."""
        return self.calls


class AskNode(Step):
    """Ask a person and wait; `on_denied` is taken when nobody answered."""

    id: NodeId
    ask: str = Field(min_length=1, max_length=2000)
    on_denied: Reaction | None = None


class Loop(Part):
    """Take `steps` until the condition holds, asked after each pass, and never more than `max` times."""

    until: Condition
    max: int = Field(ge=1, le=MAX_PASSES)
    steps: list["Node"] = Field(min_length=1)
    otherwise: list["Node"] = Field(default_factory=list)
    """Steps for when the passes are used up."""


class RepeatNode(Step):
    """A bounded loop."""

    id: NodeId
    repeat: Loop


class Branch(Part):
    """One way of a choice."""

    when: Condition
    steps: list["Node"] = Field(min_length=1)


class ChooseNode(Step):
    """Take the first branch whose condition holds."""

    id: NodeId | None = None
    choose: list[Branch] = Field(min_length=1)
    otherwise: list["Node"] = Field(default_factory=list)


class Ending(Part):
    """How the run ends, and what is reported."""

    outcome: Literal["completed", "failed", "blocked"]
    report: dict[str, Any] = Field(default_factory=dict)
    cite: tuple[NodeId, ...] = ()
    """Nodes whose newest entries are listed in the report under `cites`, if they ran."""


class FinishNode(Step):
    """End the run."""

    id: NodeId | None = None
    finish: Ending


VERBS = ("call", "calls", "ask", "repeat", "choose", "finish")

Node = Annotated[
    Annotated[CallNode, Tag("<call>")]
    | Annotated[CallsNode, Tag("<calls>")]
    | Annotated[AskNode, Tag("<ask>")]
    | Annotated[RepeatNode, Tag("<repeat>")]
    | Annotated[ChooseNode, Tag("<choose>")]
    | Annotated[FinishNode, Tag("<finish>")],
    _form(VERBS),
]


def _version(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Playbook(Part):
    """A whole playbook."""

    version: Annotated[Literal["1"], BeforeValidator(_version)] = "1"
    description: str = ""
    steps: list[Node] = Field(min_length=1)
    on_denied: list[Node] = Field(default_factory=list)
    """Steps for a denial that the node itself says nothing about; after them the run ends as blocked."""
    on_failed: list[Node] = Field(default_factory=list)
    """Steps for a failure that the node itself says nothing about; after them the run ends as failed."""


for _model in (AllOf, AnyOf, Not, CallNode, CallsNode, AskNode, Loop, RepeatNode, Branch, ChooseNode, Playbook):
    _model.model_rebuild()
