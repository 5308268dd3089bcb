"""Follows `$ref` inside a document (RFC 6901 in a URI fragment). What lies outside is never fetched."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from proctor.tools.openapi.notes import OperationLeftOut

_MAX_HOPS = 32


class Unresolvable(Exception):
    """The reference leads nowhere, in a circle, or out of the document; says which."""


@dataclass(frozen=True)
class References:
    """The references of one document."""

    root: dict[str, Any]

    def target(self, reference: Any) -> Any:
        """Give what a reference points at, itself perhaps a reference. Raises `Unresolvable`."""
        if not isinstance(reference, str):
            raise Unresolvable("the reference is not text")
        if not reference.startswith("#"):
            raise Unresolvable(f"{reference} is another document")
        value: Any = self.root
        for part in pointer(reference):
            value = _step(value, part, reference)
        return value

    def resolve(self, value: Any, what: str) -> dict[str, Any]:
        """Follow an object's references to their end. Raises `OperationLeftOut` for what is no object."""
        for _ in range(_MAX_HOPS):
            if not isinstance(value, dict):
                raise OperationLeftOut(f"{what} is not an object")
            if "$ref" not in value:
                return value
            try:
                value = self.target(value["$ref"])
            except Unresolvable as error:
                raise OperationLeftOut(f"{what} cannot be resolved: {error}") from error
        raise OperationLeftOut(f"{what} cannot be resolved: its references go in a circle")

    def schema(self, value: Any) -> dict[str, Any]:
        """Follow a schema's references to their end, to look at it; empty for what cannot be followed."""
        try:
            return self.resolve(value, "the schema")
        except OperationLeftOut:
            return {}


def pointer(reference: str) -> list[str]:
    """Split `#/components/schemas/Pet` into its parts. Raises `Unresolvable` for an anchor."""
    fragment = unquote(reference.removeprefix("#"))
    if not fragment:
        return []
    if not fragment.startswith("/"):
        raise Unresolvable(f"{reference} is an anchor")
    return [part.replace("~1", "/").replace("~0", "~") for part in fragment[1:].split("/")]


def _step(value: Any, part: str, reference: str) -> Any:
    if isinstance(value, dict) and part in value:
        return value[part]
    if isinstance(value, list) and part.isascii() and part.isdecimal() and int(part) < len(value):
        return value[int(part)]
    raise Unresolvable(f"{reference} points at nothing")
