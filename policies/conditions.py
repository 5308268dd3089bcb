"""The condition tree that every rule is compiled to: what the interpreter, the generator and the prover all read.

Facts are flat: a call is judged on one mapping from the fact's name to its JSON value (`policies/facts.py` lists the
names). Conditions compare one fact with constants, so that satisfiability is decidable.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

Constant = bool | int | float | str
Operator = Literal[
    "equals", "in", "less_than", "at_most", "greater_than", "at_least", "matches", "contains", "only", "exists"
]
"""`not_equals` and `not_in` are compiled to a negation."""


class Kind(StrEnum):
    """Type of a fact."""

    BOOL = "bool"
    NUMBER = "number"
    """A finite JSON number within ±2^53."""
    TEXT = "text"
    CHOICE = "choice"
    """A text out of `choices`."""
    TEXTS = "texts"
    """A list of texts."""
    HOSTS = "hosts"
    """A list of `host` or `host:port`; `only` compares by `policies.hosts` and `policies.egress`."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A typed fact. `name` is its key in the mapping, except for arguments, which are looked up along `path`."""

    name: str
    kind: Kind
    choices: tuple[str, ...] = ()
    path: tuple[str, ...] | None = None
    """Keys into the value of the fact `arguments`; None for facts with a key of their own."""
    is_optional: bool = False
    is_integer: bool = False
    minimum: float | None = None
    maximum: float | None = None
    """Inclusive bounds that the tool's schema already guarantees."""


@dataclass(frozen=True, slots=True)
class Compare:
    """One comparison. `operands` holds the constant, or every element for `in`, `only`; empty for `exists`."""

    fact: Fact
    operator: Operator
    operands: tuple[Constant, ...] = ()
    default: Constant | tuple[str, ...] | None = None
    """Value of an optional argument that is not given; None: the fact must be there."""


@dataclass(frozen=True, slots=True)
class AllOf:
    """Holds when every part holds; of no parts, always."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds when a part holds; of no parts, never."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Holds when the part does not."""

    part: "Condition"


Condition = Compare | AllOf | AnyOf | Not
ALWAYS: Final = AllOf(())
NEVER: Final = AnyOf(())
