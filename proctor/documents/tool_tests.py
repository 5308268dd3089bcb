"""Cases of a tool: arguments that fit or are refused, results, and calls that `proctor tools test --live` makes."""

from typing import Any, Literal

from pydantic import Field

from proctor.contracts.base import Contract
from proctor.contracts.ids import ToolName

TESTS_SUFFIX = ".tests.yaml"


class ToolCase(Contract):
    """One case, in `tests:` of a contract or of the file `<name>.tests.yaml` beside it."""

    case: str = Field(min_length=1, max_length=200)
    tool: ToolName | None = None
    """Needed in a file of cases beside a file with several contracts."""
    arguments: dict[str, Any]
    expect: Literal["fits", "refused"] = "fits"
    names: str = ""
    """Of a refusal: a text that its message holds, such as the argument at fault."""
    result: dict[str, Any] | list[Any] | str | float | bool | None = None
    """A result that must fit the output schema."""
    live: bool = False
    """Of an effect: `--live` may carry it out. Reads are called in any case that fits."""
    gives: dict[str, Any] = Field(default_factory=dict)
    """JSON Schema that the live result must fit besides the output schema."""
    fails: bool = False
    """Live: the tool must answer that it did not do it."""


class ToolCases(Contract):
    """What stands in a file of cases."""

    tests: tuple[ToolCase, ...] = ()


def is_tests_file(name: str) -> bool:
    """Whether a file of that name holds cases and no contracts."""
    return name.endswith((TESTS_SUFFIX, ".tests.yml", ".tests.json"))
