"""Names of tools: from the operation's id, or its method and path; unique, at most 64 characters, always the same."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

MAX_NAME = 64
_HASH = 6
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9]+", re.ASCII)


def tool_names(source: str, operations: Sequence[tuple[str, str, str]]) -> list[str]:
    """Name each operation, given as method, path and id; where two would be called the same, both carry a hash.

    A name depends on nothing but the source's name and what the operations are called, not on their order.
    """
    prefix = _NOT_IN_NAMES.sub("_", source).strip("_")
    wanted = [_name(prefix, method, path, said) for method, path, said in operations]
    taken = Counter(name.lower() for name in wanted)
    return [
        name if taken[name.lower()] == 1 else _shortened(name, f"{method} {path}", always=True)
        for name, (method, path, _) in zip(wanted, operations, strict=True)
    ]


def _name(prefix: str, method: str, path: str, said: str) -> str:
    words = _NOT_IN_NAMES.sub("_", said).strip("_") or _NOT_IN_NAMES.sub("_", f"{method.lower()} {path}").strip("_")
    return _shortened(f"{prefix}_{words}", f"{method} {path}")


def _shortened(name: str, operation: str, *, always: bool = False) -> str:
    if len(name) <= MAX_NAME and not always:
        return name
    mark = hashlib.sha256(operation.encode()).hexdigest()[:_HASH]
    return f"{name[: MAX_NAME - _HASH - 1].rstrip('_')}_{mark}"
