"""The obligation `redact`: taking named parts out of a result before anything records or sees it."""

from collections.abc import Iterable
from typing import Any, Final

from proctor.contracts.obligations import Obligation, Redact

REDACTED: Final = "[redacted by policy]"


def redacted(result: Any, obligations: Iterable[Obligation]) -> Any:
    """Give the result without the parts that the obligations name; the result itself is not changed.

    A path goes through objects by key and through every element of a list. What it does not find is not there to leak.
    """
    for obligation in obligations:
        if isinstance(obligation, Redact):
            for field in obligation.fields:
                result = _without(result, tuple(field.split(".")))
    return result


def _without(value: Any, path: tuple[str, ...]) -> Any:
    if not path:
        return REDACTED
    if isinstance(value, list):
        return [_without(item, path) for item in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    return {**value, path[0]: _without(value[path[0]], path[1:])}
