"""Names of a server's tools as contracts have them: valid, unique, and the same each time."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

from proctor.contracts.ids import ToolName

MAX_CHARS = 64
_INVALID = re.compile(r"[^A-Za-z0-9_]+")


def tool_names(server: str, tools: Iterable[str]) -> dict[str, ToolName]:
    """Name every tool after its server and itself.

    Names that become too long, or the same as another's, end in a digest of the server's own name for the tool, so that
    neither its other tools nor their order change a name.
    """
    plain = {tool: _plain(server, tool) for tool in tools}
    uses = Counter(name.casefold() for name in plain.values())
    return {
        tool: ToolName(name if uses[name.casefold()] == 1 and len(name) <= MAX_CHARS else _marked(name, tool))
        for tool, name in plain.items()
    }


def _plain(server: str, tool: str) -> str:
    prefix, own = _INVALID.sub("_", server), _INVALID.sub("_", tool).strip("_")
    return own if own.casefold().startswith(f"{prefix.casefold()}_") else f"{prefix}_{own}".rstrip("_")


def _marked(name: str, tool: str) -> str:
    mark = hashlib.sha256(tool.encode()).hexdigest()[:8]
    return f"{name[: MAX_CHARS - len(mark) - 1]}_{mark}"
