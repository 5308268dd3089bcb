"""Reads a folder of runbooks into a corpus."""

import asyncio
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from proctor.contracts.errors import InvalidDocument
from proctor.contracts.ports import Knowledge

_FENCE = "---\n"
_REQUIRED = ("id", "title", "updated_at")


async def load_corpus(knowledge: Knowledge, folder: Path) -> int:
    """Load every `*.md` of `folder`; gives how many documents changed. Raises `InvalidDocument`."""
    return await knowledge.load(await asyncio.to_thread(read_corpus, folder))


def read_corpus(folder: Path) -> list[dict[str, str]]:
    """Read every runbook: `id`, `title`, and `body` with the date of its last change. Raises `InvalidDocument`."""
    documents = [_read(path) for path in sorted(folder.glob("*.md"))]
    if not documents:
        raise InvalidDocument("there are no runbooks", path=str(folder), hint="runbooks are *.md files")
    return documents


def _read(path: Path) -> dict[str, str]:
    empty, fence, rest = path.read_text(encoding="utf-8").partition(_FENCE)
    head, closed, body = rest.partition(_FENCE)
    if empty or not fence or not closed:
        raise InvalidDocument("no front matter", path=str(path), line=1, hint="begin with --- and end it with ---")
    try:
        front: Any = YAML(typ="safe").load(head)
    except YAMLError as error:
        raise InvalidDocument(f"the front matter is not YAML: {error}", path=str(path), line=1) from error
    missing = [key for key in _REQUIRED if not isinstance(front, dict) or not isinstance(front.get(key), str)]
    if missing:
        raise InvalidDocument(f"the front matter lacks {', '.join(missing)}", path=str(path), line=1)
    return {"id": front["id"], "title": front["title"], "body": f"{body.strip()}\n\nUpdated {front['updated_at']}.\n"}
