"""What does not fit a form, in words: where, and what would fit; Pydantic's own words are for programmers."""

import re
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from proctor.contracts.errors import InvalidInput
from proctor.contracts.outside import OUTSIDE_NAME
from proctor.documents.problems import did_you_mean, words_of

_FORMS: Final = {
    f"^{OUTSIDE_NAME}$": "must be lower-case letters, digits, dashes and underscores, at most 63, "
    "beginning with a letter or digit",
}
_FIXED: Final = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
}
_SHOULD = re.compile(r"^[A-Z]\w+ should ")


def misfit(detail: ErrorDetails) -> str:
    """Say what would fit in a place."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _FIXED:
        return _FIXED[kind]
    if kind == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return _FORMS.get(pattern, f"must match {pattern}")
    text = _SHOULD.sub("must ", detail["msg"].removeprefix("Value error, "))
    if kind in {"enum", "literal_error"}:
        guess = did_you_mean(str(detail["input"])[:64], words_of(str(context["expected"])))
        return f"{text}; {guess}" if guess.startswith("did") else text
    return text


def first_misfit(error: ValidationError) -> str:
    """Say of the first place that does not fit what would."""
    first = error.errors()[0]
    where = " ".join(f"{part + 1}" if isinstance(part, int) else part for part in first["loc"])
    return f"{where}: {misfit(first)}" if where else misfit(first)


def misfit_of(error: ValidationError, hint: str = "see --help") -> InvalidInput:
    """Make an error that names the first place that does not fit."""
    return InvalidInput(first_misfit(error), hint=hint)
