"""Arguments on their way to a tool: read without guessing, of bounded size and depth, and fit for its schema."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from proctor.contracts.canonical import canonical_json, summarize
from proctor.contracts.errors import InvalidInput
from proctor.contracts.schemas import checker, fits

MAX_ARGUMENTS_BYTES: Final = 256 * 1024
"""Largest arguments of one call, in bytes of canonical JSON."""
MAX_DEPTH: Final = 64
"""Deepest nesting of arguments; a schema that refers to itself costs time with every level."""


class TakesArguments(Protocol):
    """A contract, as far as its arguments go."""

    @property
    def input_schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments."""


def arguments_fit(schema: dict[str, Any]) -> Callable[[object], bool]:
    """Compile an input schema to a bare yes or no, for the hot path."""
    return fits(schema, is_closed=True)


def arguments_checker(schema: dict[str, Any]) -> Callable[[object], list[str]]:
    """Compile an input schema to what keeps arguments from fitting it, in words for a planner."""
    return partial(_misfits, checker(schema, is_closed=True))


def argument_misfits(schema: dict[str, Any], arguments: object) -> list[str]:
    """List at most five ways in which arguments do not fit an input schema, each `at PATH: what`."""
    return arguments_checker(schema)(arguments)


def argument_problems(contract: TakesArguments, arguments: object) -> list[str]:
    """List at most five ways in which a tool does not take `arguments`, each `at PATH: what`; empty means it does."""
    return argument_misfits(contract.input_schema, arguments)


def read_arguments(text: str) -> dict[str, Any]:
    """Read arguments that were written as JSON.

    Raises:
        InvalidInput: it is not a JSON object, names something twice, or holds what no JSON holds (NaN, a lone
            surrogate, an integer that is not exact), or is too large or too deep.

    """
    if len(text) > MAX_ARGUMENTS_BYTES:
        raise InvalidInput(f"the arguments have {len(text)} characters: at most {MAX_ARGUMENTS_BYTES}")
    try:
        value = json.loads(text, object_pairs_hook=_once_each, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        # Its own words, and not the text around the place: that may be a secret.
        raise InvalidInput(f"the arguments are not JSON: {error.msg} at character {error.pos}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the arguments are not JSON: {_why(error)}") from error
    if not isinstance(value, dict):
        raise InvalidInput("the arguments are not a JSON object")
    if flaw := json_flaw(value):
        raise InvalidInput(flaw)
    return value


def json_flaw(arguments: object) -> str | None:
    """Say why arguments can be no tool's, whatever its schema; None when they can."""
    if not isinstance(arguments, dict):
        return "the arguments are not a JSON object"
    if not is_flat_enough(arguments):
        return f"the arguments are nested more than {MAX_DEPTH} deep"
    try:
        size = len(canonical_json(arguments))
    except (InvalidInput, RecursionError) as error:
        return f"the arguments cannot be used: {_why(error)}"
    return None if size <= MAX_ARGUMENTS_BYTES else f"the arguments have {size} bytes: at most {MAX_ARGUMENTS_BYTES}"


def _misfits(check: Callable[[object], list[str]], arguments: object) -> list[str]:
    flaw = json_flaw(arguments)
    return check(arguments) if flaw is None else [f"at $: {flaw}"]


def is_flat_enough(value: object) -> bool:
    """Whether a JSON value is nested at most `MAX_DEPTH` deep."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            part
            for one in level
            if isinstance(one, dict | list)
            for part in (one.values() if isinstance(one, dict) else one)
            if isinstance(part, dict | list)
        ]
        if not level:
            return True
    return False


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A second value would silently take the place of the one that somebody else reads: policy here, a tool there.
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise ValueError(f"the name {json.dumps(summarize(name, 40), ensure_ascii=False)} stands in it twice")
        made[name] = value
    return made


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _why(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "they are nested too deep"
    if isinstance(error, InvalidInput):
        return "they hold NaN, an infinite number, an integer beyond ±2**53, or something else that JSON does not carry"
    return summarize(str(error), 160)
