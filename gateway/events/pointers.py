"""JSON pointers (RFC 6901): how a hook picks a run's input out of a payload."""

from typing import Any

from proctor.contracts.errors import InvalidInput


def check_pointer(pointer: str) -> None:
    """Check the form of a pointer. Raises `InvalidInput`."""
    rest = pointer.replace("~0", "").replace("~1", "")
    if (pointer and not pointer.startswith("/")) or "~" in rest:
        raise InvalidInput(f"{pointer[:100]!r} is no JSON pointer", hint="such as /issue/title; ~1 stands for a slash")


def pick(payload: Any, pointer: str) -> Any:
    """Give what a pointer points at. Raises `InvalidInput` when nothing is there."""
    value = payload
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and _is_index(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            raise InvalidInput(f"the payload has nothing at {pointer[:100]}")
    return value


def _is_index(name: str) -> bool:
    plain = name.isascii() and name.isdecimal() and len(name) < len("1000000")
    return plain and (name == "0" or not name.startswith("0"))
