"""The policy document of an agent (`agents/<agent>/policy.yaml`), in memory.

`docs/reference/policy.md` describes the form for people. `policies/` types and compiles it; nothing here decides.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, SerializerFunctionWrapHandler, Tag, model_serializer

from proctor.contracts.base import Contract
from proctor.contracts.ids import ToolName
from proctor.contracts.labels import Confidentiality, Integrity
from proctor.contracts.obligations import Obligation
from proctor.contracts.tool import Risk

RULE_ID = r"^[a-z][a-z0-9-]{0,63}$"
NAME = r"^[a-z][a-z0-9_]{0,63}$"
MAX_RULES = 500

OPERATORS = (
    "equals",
    "not_equals",
    "in",
    "not_in",
    "less_than",
    "at_most",
    "greater_than",
    "at_least",
    "matches",
    "contains",
    "only",
    "exists",
)
"""`matches`: a glob over the whole text. `contains`: the list has this element. `only`: every element of the list
matches one of these globs; an empty list does. `exists`: the optional argument is given."""


class Part(Contract):
    """Base of everything in a policy document; keys are the words of the document."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False, serialize_by_alias=True)


class Comparison(Part):
    """One question about one fact; exactly one operator, and constants only."""

    fact: str
    default: Any = None
    """Taken for an optional argument that is not given; without it, only `exists` may ask about one."""
    equals: Any = None
    not_equals: Any = None
    one_of: Any = Field(default=None, alias="in")
    none_of: Any = Field(default=None, alias="not_in")
    less_than: Any = None
    at_most: Any = None
    greater_than: Any = None
    at_least: Any = None
    matches: str | None = None
    contains: Any = None
    only: Any = None
    exists: bool | None = None

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write what the document gives and no more: what is written must mean the same when it is read again."""
        given = {type(self).model_fields[name].alias or name for name in self.model_fields_set}
        return {key: value for key, value in write(self).items() if key in given}

    @property
    def has_default(self) -> bool:
        """Whether the document gives a default."""
        return "default" in self.model_fields_set

    def operators(self) -> list[str]:
        """List the operators that the document gives; a sound comparison has one."""
        spelled = {"one_of": "in", "none_of": "not_in"}
        given = {spelled.get(name, name) for name in self.model_fields_set}
        return [name for name in OPERATORS if name in given]

    @property
    def operator(self) -> str:
        """Name of the operator, as the document spells it."""
        return self.operators()[0]

    @property
    def operand(self) -> Any:
        """What the fact is compared with."""
        field = {"in": "one_of", "not_in": "none_of"}.get(self.operator, self.operator)
        return getattr(self, field)


class AllOf(Part):
    """Holds when every condition holds."""

    all: tuple["Condition", ...] = Field(min_length=1)


class AnyOf(Part):
    """Holds when a condition holds."""

    any: tuple["Condition", ...] = Field(min_length=1)


class Not(Part):
    """Holds when the condition does not."""

    negated: "Condition" = Field(alias="not")


def _by_shape(value: Any) -> str | None:
    for key, model in (("all", AllOf), ("any", AnyOf), ("not", Not), ("negated", Not), ("fact", Comparison)):
        if isinstance(value, model) or (isinstance(value, dict) and key in value):
            return f"<{model.__name__}>"
    return None


Condition = Annotated[
    Annotated[AllOf, Tag("<AllOf>")]
    | Annotated[AnyOf, Tag("<AnyOf>")]
    | Annotated[Not, Tag("<Not>")]
    | Annotated[Comparison, Tag("<Comparison>")],
    Discriminator(
        _by_shape,
        custom_error_type="form",
        custom_error_message="write one of all, any, not, or a fact with an operator",
    ),
]


class RuleForm(Part):
    """One rule of the document."""

    id: str = Field(pattern=RULE_ID)
    effect: Literal["permit", "require_approval", "forbid"]
    tool: ToolName | tuple[ToolName, ...] | None = None
    """Looks at calls of these tools only; a rule about arguments must name its tools."""
    when: Condition | None = None
    """Without it the rule always applies."""
    obligations: tuple[Obligation, ...] = ()
    reason: str = Field(min_length=1, max_length=300)
    """For the person: what this rule protects, in words that need no programmer."""
    advice: str = Field(default="", max_length=300)
    """For the planner: what is allowed instead."""

    @property
    def tools(self) -> tuple[ToolName, ...] | None:
        """The tools that the rule looks at; None is all."""
        return (self.tool,) if isinstance(self.tool, str) else self.tool


class WindowForm(Part):
    """A number over past calls, as it would be with this call included: the fact `windows.NAME`.

    Counted are calls whose intent was written and that are not known to have failed, whatever run or worker made
    them. `last` is the time since the newest such call, in seconds; LONG_AGO when there was none.
    """

    id: str = Field(pattern=NAME)
    measure: Literal["count", "sum", "last"]
    tool: ToolName | tuple[ToolName, ...]
    argument: str | None = None
    """For `sum`: dotted path of the number that is added up."""
    within_s: int = Field(gt=0, le=366 * 86_400)
    per: Literal["run", "agent", "requester", "tenant"] = "agent"
    """Whose calls are counted. `agent`, `requester` and `tenant` are always within one tenant."""
    same: tuple[str, ...] = ()
    """Arguments that must be as in this call, e.g. the customer."""

    @property
    def tools(self) -> tuple[ToolName, ...]:
        """The tools whose calls are counted."""
        return (self.tool,) if isinstance(self.tool, str) else self.tool


LONG_AGO = 2**53 - 1
"""Seconds that `last` gives when there was no such call."""


class RiskForm(Part):
    """Raises the risk tier of a call; nothing lowers it below the tool's own."""

    id: str = Field(pattern=RULE_ID)
    tool: ToolName | tuple[ToolName, ...] | None = None
    when: Condition
    risk: Literal[Risk.MEDIUM, Risk.HIGH]


class PreferenceForm(Part):
    """A soft constraint: a call that it applies to ranks lower, and is never denied for it."""

    id: str = Field(pattern=RULE_ID)
    tool: ToolName | tuple[ToolName, ...] | None = None
    when: Condition | None = None
    weight: int = Field(default=1, ge=1, le=100)
    reason: str = Field(min_length=1, max_length=300)


class ValidationForm(Part):
    """A validating rule: a part of a tool's result that fits `schema` gets these labels; all else stays untrusted."""

    tool: ToolName
    path: str
    """Dotted path into the result."""
    fits: dict[str, Any] = Field(alias="schema")
    """JSON Schema 2020-12 that leaves no room for text of an attacker's choice: an enum, a bounded number, a pattern
    of bounded length."""
    integrity: Integrity = Integrity.TRUSTED
    confidentiality: Confidentiality | None = None


class PolicyDocument(Part):
    """A whole policy document."""

    version: Literal["1"] = "1"
    description: str = ""
    rules: tuple[RuleForm, ...] = Field(default=(), max_length=MAX_RULES)
    windows: tuple[WindowForm, ...] = ()
    risk: tuple[RiskForm, ...] = ()
    prefer: tuple[PreferenceForm, ...] = ()
    validate_results: tuple[ValidationForm, ...] = Field(default=(), alias="validate")
    address_book: tuple[str, ...] = ()
    """Values that may be targets whoever names them: accounts, addresses, hosts; compared exactly."""
    data_flow: Literal["enforced", "observed"] = "enforced"
    """`observed`: labels are facts for rules, and the built-in data-flow rules are not there."""


for _model in (AllOf, AnyOf, Not, RuleForm, RiskForm, PreferenceForm, PolicyDocument):
    _model.model_rebuild()
