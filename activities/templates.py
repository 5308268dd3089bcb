"""Fill `${arguments.PATH}` and `${result.PATH}` in a compensation's arguments."""

import re
from typing import Any

from proctor.contracts.errors import InvalidInput

_WHOLE = re.compile(r"\$\{([\w.]+)\}")


def fill(template: Any, values: dict[str, Any]) -> Any:
    """Fill a JSON template. A string that is one reference keeps the type of what it refers to.

    Raises:
        InvalidInput: a reference leads nowhere.

    """
    if isinstance(template, dict):
        return {name: fill(part, values) for name, part in template.items()}
    if isinstance(template, list):
        return [fill(part, values) for part in template]
    if not isinstance(template, str):
        return template
    whole = _WHOLE.fullmatch(template)
    if whole:
        return _look_up(whole[1], values)
    return _WHOLE.sub(lambda match: str(_look_up(match[1], values)), template)


def _look_up(path: str, values: dict[str, Any]) -> Any:
    found: Any = values
    for part in path.split("."):
        if not isinstance(found, dict) or part not in found:
            raise InvalidInput(f"compensation argument ${{{path}}} leads nowhere", hint="check the tool's contract")
        found = found[part]
    return found
