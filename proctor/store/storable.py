"""Values on their way into the store: canonical, and never refused when they tell of something that happened."""

import math
from typing import Any

from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from proctor.contracts.canonical import canonical_json
from proctor.contracts.errors import InvalidInput

LARGEST_EXACT = 2**53


def canonical_text(value: Any) -> str:
    """Encode `value` canonically; what RFC 8785 cannot carry (NaN, huge integers, lone surrogates) becomes text.

    An effect that happened must be recorded even when its tool answered with something odd.
    """
    try:
        return canonical_json(value).decode()
    except (InvalidInput, UnicodeError):
        return canonical_json(_mended(to_jsonable_python(value, inf_nan_mode="constants", fallback=repr))).decode()


def clean(text: str) -> str:
    """Replace what Postgres cannot keep in a text: NUL and lone surrogates."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def encode_rows(value: Any) -> bytes:
    """Encode rows as JSON that Postgres can take apart; odd characters in them are replaced."""
    try:
        encoded = to_json(value)
        if b"\\u0000" not in encoded:
            return encoded
    except PydanticSerializationError:
        pass  # a lone surrogate
    return to_json(_mended(to_jsonable_python(value)))


def clean_body(body: dict[str, Any]) -> dict[str, Any]:
    """Make the body of an audit record plain JSON that comes back from Postgres as it went in."""
    plain: dict[str, Any] = _mended(to_jsonable_python(body, inf_nan_mode="constants"))
    return plain


def _mended(value: Any) -> Any:
    match value:
        case str():
            return clean(value)
        case dict():
            return {clean(str(key)): _mended(item) for key, item in value.items()}
        case list() | tuple():
            return [_mended(item) for item in value]
        case float() if not math.isfinite(value):
            return str(value)
        case int() if not isinstance(value, bool) and abs(value) >= LARGEST_EXACT:
            return str(value)
        case _:
            return value
