"""Changes a few keys of a contract in its file, and leaves everything else there as people wrote it."""

import io
import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from proctor.contracts.errors import Corrupted, InvalidInput
from proctor.contracts.tool import ToolContract
from proctor.documents.catalog_files import CatalogTool, read_catalog_file
from proctor.documents.catalog_lock import contract_digest, write_whole
from proctor.documents.tool import SchemaSource
from proctor.documents.tool_text import CLAIMED, tool_form


def rewrite(root: Path, tool: CatalogTool, contract: ToolContract, derive: SchemaSource | None) -> None:
    """Make the file of a tool say `contract`; comments and the order of keys stay.

    Raises:
        InvalidInput: its document is a bare schema, which says nothing but arguments.
        Corrupted: what was written does not read as it should; the file is as it was.

    """
    if not tool.document.place:
        raise InvalidInput(f"{tool.file} is a bare JSON Schema", hint="write it as `tool:` with `input:`")
    path = root / tool.file
    before = path.read_text(encoding="utf-8")
    write_whole(path, _edited(before, tool, contract, is_json=path.suffix == ".json"))
    reading = read_catalog_file(root, tool.file, derive)
    wanted = contract_digest(contract)
    if reading.problems or wanted not in {contract_digest(one.contract) for one in reading.tools}:
        write_whole(path, before)
        raise Corrupted(f"{tool.file} cannot be changed by this command", hint="edit it by hand")


def _edited(text: str, tool: CatalogTool, contract: ToolContract, *, is_json: bool) -> str:
    if is_json:
        document = json.loads(text)
        _change(_at(document, tool), tool.contract, contract)
        return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    writer = YAML()
    writer.preserve_quotes = True
    writer.width = 110
    writer.indent(mapping=2, sequence=4, offset=2)
    document = writer.load(_without_claim(text, contract))
    _change(_at(document, tool), tool.contract, contract)
    out = io.StringIO()
    writer.dump(document, out)
    return out.getvalue()


def _at(document: Any, tool: CatalogTool) -> Any:
    for part in tool.document.place:
        document = document[part]
    return document


def _change(body: Any, old: ToolContract, new: ToolContract) -> None:
    before, after = tool_form(old), tool_form(new)
    for name in (*before, *(name for name in after if name not in before)):
        if name not in after:
            body.pop(name, None)
        elif before.get(name) != after[name]:
            body[name] = after[name]


def _without_claim(text: str, contract: ToolContract) -> str:
    """Drop the comment that tells of claims, once they are accepted."""
    if contract.provenance is None or not contract.provenance.accepted_by:
        return text
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(f"# {CLAIMED}"))
