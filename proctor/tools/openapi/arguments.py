"""The arguments of a tool: names that are unique over all places of a request, and their schemas."""

import re
from dataclasses import dataclass, field
from typing import Any

from proctor.tools.openapi.notes import Notes
from proctor.tools.openapi.schemas import SchemaTranslator

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+", re.ASCII)
_MAX_NAME = 64


@dataclass
class Arguments:
    """The arguments of one operation, in the order of the document."""

    translator: SchemaTranslator
    notes: Notes
    properties: dict[str, Any] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    refers: dict[str, bool] = field(default_factory=dict)

    def add(self, name: str, place: str, schema: Any, *, required: bool, description: str = "") -> str:
        """Add an argument; gives the name it has among the others."""
        argument = self._free(_identifier(name), place)
        if argument != name:
            self.notes.add("assumed", f"{place} {name}: {argument}", "its argument has another name")
        self.properties[argument] = _described(schema, description)
        if required:
            self.required.append(argument)
        return argument

    def translated(self, schema: Any, what: str) -> Any:
        """Translate the schema of an argument, and keep what it refers to."""
        made, refers = self.translator.translate(schema, "input", self.notes, what)
        for reference, is_in_place in refers.items():
            self.refers[reference] = self.refers.get(reference, False) or is_in_place
        return made

    def schema(self) -> dict[str, Any]:
        """Give the input schema of the tool."""
        made: dict[str, Any] = {"type": "object", "properties": self.properties, "additionalProperties": False}
        if self.required:
            made["required"] = self.required
        definitions = self.translator.definitions(self.refers, "input", self.notes)
        return {**made, "$defs": definitions} if definitions else made

    def _free(self, name: str, place: str) -> str:
        if name not in self.properties:
            return name
        wanted = f"{name[: _MAX_NAME - 8]}_{place}"
        n = 2
        while wanted in self.properties:
            wanted, n = f"{name[: _MAX_NAME - 12]}_{place}_{n}", n + 1
        return wanted


def _identifier(name: str) -> str:
    text = _NOT_IN_NAMES.sub("_", name).strip("_") or "argument"
    text = text if not (text[0].isdigit() or text[0] == "-") else f"a_{text.lstrip('-')}"
    return text[:_MAX_NAME]


def _described(schema: Any, description: str) -> Any:
    if not description or not isinstance(schema, dict):
        return schema
    return {**schema, "description": description}
