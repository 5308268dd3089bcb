"""Arguments as text that a person edits, and back: nothing in the text is invisible, and nothing is guessed."""

import json
from typing import Any, NoReturn

from gateway.cards.values import flat
from gateway.cards.visible_text import show
from proctor.contracts.canonical import canonical_json
from proctor.contracts.errors import InvalidInput
from proctor.contracts.schemas import problems

LONGEST = 512 * 1024


def editable(arguments: dict[str, Any]) -> str:
    """Write arguments as JSON to edit; where anything in them would not be seen, all but ASCII is escaped."""
    texts = [text for path, leaf in flat(arguments) for text in (path, leaf) if isinstance(text, str)]
    is_plain = not any(show(text, whole=True).marks for text in texts)
    return json.dumps(arguments, ensure_ascii=not is_plain, indent=2)


def read_edited(text: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """Read edited arguments.

    Raises:
        InvalidInput: the text is no JSON object, names a member twice, holds a number that would not stay as it is
            written, or does not fit the tool's schema; says where.

    """
    if len(text) > LONGEST:
        raise InvalidInput(f"the arguments have more than {LONGEST} characters", hint="make them shorter")
    try:
        edited = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
        is_object = isinstance(edited, dict)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(f"this is not JSON: {where}: {error.msg}", hint="mend it there") from error
    except RecursionError as error:
        raise InvalidInput("the arguments are nested too deeply", hint="make them flatter") from error
    except ValueError as error:
        raise InvalidInput(f"this cannot be used: {error}", hint="mend it") from error
    if not is_object:
        raise InvalidInput("the arguments must be a JSON object", hint='write {"name": value, …}')
    canonical_json(edited)
    found = problems(schema, edited) if schema else []
    if found:
        raise InvalidInput(f"the tool does not take these arguments: {'; '.join(found)}", hint="mend them")
    return dict(edited)


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        doubled = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {doubled!r} occurs twice in one object")
    return members
