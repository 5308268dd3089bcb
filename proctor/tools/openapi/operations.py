"""The operations of a document, and what the document says of each, as a digest."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from proctor.contracts.ids import Digest
from proctor.tools.openapi.notes import Notes, OperationLeftOut
from proctor.tools.openapi.references import References, Unresolvable

METHODS: Final = ("get", "head", "options", "post", "put", "patch", "delete")
_BESIDE: Final = frozenset({"$ref", "summary", "description", "servers", "parameters"})


@dataclass(frozen=True)
class Operation:
    """One operation, with what its path says for all methods."""

    method: str
    path: str
    said: dict[str, Any]
    shared: dict[str, Any]
    """The path's item."""

    @property
    def label(self) -> str:
        """Name it as notes and provenance do."""
        return f"{self.method} {self.path}"

    @property
    def operation_id(self) -> str:
        """Give its id; empty where it has none."""
        return str(self.said.get("operationId") or "")

    @property
    def parameters(self) -> list[Any]:
        """List the parameters of the path, then its own."""
        both = (self.shared.get("parameters"), self.said.get("parameters"))
        return [one for part in both if isinstance(part, list) for one in part]


def operations_of(references: References, notes: list[Notes]) -> list[Operation]:
    """List the operations in the order of the document; what cannot be read is noted."""
    root = references.root
    whole = Notes()
    notes.append(whole)
    if root.get("webhooks"):
        whole.add("left_out", "webhooks", "they are calls from the service, not to it")
    found: list[Operation] = []
    paths = root.get("paths")
    for path, raw in paths.items() if isinstance(paths, dict) else ():
        if path.startswith("x-"):
            continue
        try:
            item = references.resolve(raw, f"the path {path}")
        except OperationLeftOut as error:
            whole.add("left_out", path, str(error))
            continue
        found += _of_path(path, {**item, **{k: v for k, v in raw.items() if k != "$ref"}}, whole)
    return found


def _of_path(path: str, item: dict[str, Any], whole: Notes) -> Iterator[Operation]:
    for key, said in item.items():
        if key in METHODS and isinstance(said, dict):
            yield Operation(key.upper(), path, said, item)
        elif key not in _BESIDE and not key.startswith("x-"):
            whole.add("left_out", f"{key.upper()} {path}", "it is no operation that a tool can call")


class OperationDigests:
    """What a document says of each operation, everything it refers to included, and nothing else."""

    def __init__(self, references: References) -> None:
        self._references = references
        self._known: dict[str, tuple[str, frozenset[str]]] = {}

    def digest(self, operation: Operation) -> Digest:
        """Take the SHA-256 of what is said: a change of any description, schema, server or security changes it."""
        root = self._references.root
        said = operation.said
        security = said.get("security", root.get("security"))
        schemes = (
            root.get("components", {}).get("securitySchemes", {}) if isinstance(root.get("components"), dict) else {}
        )
        named = (
            {name for one in security or () if isinstance(one, dict) for name in one}
            if isinstance(security, list)
            else ()
        )
        whole = {
            "operation": [operation.method, operation.path, said],
            "path": {key: operation.shared.get(key) for key in sorted(_BESIDE - {"$ref"})},
            "servers": root.get("servers"),
            "security": security,
            "schemes": {name: schemes.get(name) for name in sorted(named)} if isinstance(schemes, dict) else {},
        }
        text, refers = _written(whole)
        return Digest(hashlib.sha256("\n".join([text, *self._closure(refers)]).encode()).hexdigest())

    def _closure(self, refers: frozenset[str]) -> list[str]:
        seen: dict[str, str] = {}
        waiting = list(refers)
        while waiting:
            reference = waiting.pop()
            if reference not in seen:
                seen[reference], more = self._component(reference)
                waiting += more
        return [f"{reference} {seen[reference]}" for reference in sorted(seen)]

    def _component(self, reference: str) -> tuple[str, frozenset[str]]:
        if reference not in self._known:
            try:
                text, refers = _written(self._references.target(reference))
            except Unresolvable as error:
                text, refers = str(error), frozenset()
            self._known[reference] = (hashlib.sha256(text.encode()).hexdigest(), refers)
        return self._known[reference]


def _written(value: Any) -> tuple[str, frozenset[str]]:
    found: set[str] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(one.get("$ref"), str):
                found.add(one["$ref"])
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return json.dumps(value, sort_keys=True), frozenset(found)
