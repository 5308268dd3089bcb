"""From the schemas of OpenAPI 3.0 and 3.1 to JSON Schema 2020-12, with what they refer to under `$defs`."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from proctor.tools.openapi.dialect import as_2020_12
from proctor.tools.openapi.keywords import (
    ANNOTATIONS,
    MAX_DESCRIPTION,
    MAX_EXAMPLE,
    UNSAFE_NAME,
    bounded_text,
    is_json,
    linear_pattern,
    plain_keyword,
)
from proctor.tools.openapi.notes import Kind, Notes
from proctor.tools.openapi.references import References, Unresolvable

Direction = Literal["input", "output"]
Schema = Any
"""A JSON Schema: an object or a boolean."""

_SINGLE: Final = frozenset(
    {"items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "contains", "propertyNames"}
)
_SINGLE_IN_PLACE: Final = frozenset({"not", "if", "then", "else"})
_LISTED_IN_PLACE: Final = frozenset({"allOf", "anyOf", "oneOf"})
_READ_APART: Final = frozenset(
    {"$ref", "$defs", "definitions", "discriminator", "contentSchema", "readOnly", "writeOnly"}
)
_FOR_READERS: Final = frozenset({"description", "default", "examples", "title"})
_NO_EXAMPLES, _SHORT = "examples too long to keep", "descriptions shortened"


@dataclass
class _Component:
    """A schema that others refer to, translated once for each direction."""

    name: str
    schema: Schema = field(default_factory=dict)
    refers: dict[str, bool] = field(default_factory=dict)
    """References, and whether one stands for the very same value: then a circle of them has no end."""
    notes: Notes = field(default_factory=Notes)


@dataclass
class _Place:
    """Where a translation is, and what it found so far."""

    direction: Direction
    notes: Notes
    what: str
    refers: dict[str, bool]
    is_in_place: bool = True
    hidden: frozenset[str] = frozenset()
    """Properties that are not of this direction, which the branches of an `allOf` must not require either."""

    def below(self, step: str, *, in_place: bool = False, hidden: frozenset[str] = frozenset()) -> "_Place":
        inner = self.is_in_place and in_place
        return _Place(self.direction, self.notes, f"{self.what}/{step}", self.refers, inner, hidden)

    def note(self, kind: Kind, keyword: str, reason: str) -> None:
        self.notes.add(kind, f"{self.what}/{keyword}" if keyword else self.what, reason)


class SchemaTranslator:
    """Translates the schemas of one document; what many operations share is translated once."""

    def __init__(self, references: References, *, is_30: bool) -> None:
        self._references, self._is_30 = references, is_30
        self._components: dict[tuple[str, Direction], _Component] = {}
        self._names: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        """What was left out of annotations, over the whole document."""

    def translate(self, schema: Any, direction: Direction, notes: Notes, what: str) -> tuple[Schema, dict[str, bool]]:
        """Translate a schema; give it with what it refers to, for `definitions`."""
        refers: dict[str, bool] = {}
        return self._schema(schema, _Place(direction, notes, what, refers)), refers

    def definitions(self, refers: dict[str, bool], direction: Direction, notes: Notes) -> dict[str, Schema]:
        """Give `$defs` for everything that is referred to, directly or not."""
        found: dict[str, _Component] = {}
        waiting = sorted(refers)
        while waiting:
            reference = waiting.pop()
            if reference not in found:
                found[reference] = component = self._component(reference, direction)
                waiting += sorted(component.refers)
                notes.take(component.notes)
        endless = _endless(found)
        for reference in sorted(endless):
            notes.add("weakened", reference, "it refers to itself without a step into the value: it admits anything")
        return {found[one].name: {} if one in endless else found[one].schema for one in sorted(found)}

    def _component(self, reference: str, direction: Direction) -> _Component:
        key = (reference, direction)
        if key not in self._components:
            component = self._components[key] = _Component(self._name(reference))
            place = _Place(direction, component.notes, reference, component.refers)
            component.schema = self._schema(self._references.target(reference), place)
        return self._components[key]

    def _name(self, reference: str) -> str:
        name = UNSAFE_NAME.sub("_", reference.rsplit("/", 1)[-1]) or "schema"
        if self._names.setdefault(name, reference) != reference:
            name = f"{name}_{hashlib.sha256(reference.encode()).hexdigest()[:6]}"
            self._names[name] = reference
        return name

    def _schema(self, value: Any, place: _Place) -> Schema:
        if isinstance(value, bool):
            return value
        if not isinstance(value, dict):
            place.note("weakened", "", "it is not a schema: anything is admitted")
            return {}
        value = as_2020_12(value, place.note, is_30=self._is_30)
        hidden = place.hidden | self._hidden(value, place)
        made: dict[str, Any] = {}
        if "$ref" in value:
            made.update(self._reference(value["$ref"], place))
        for keyword, given in sorted(value.items(), key=lambda one: one[0] == "additionalProperties"):
            if keyword not in ANNOTATIONS | _READ_APART and not keyword.startswith("x-"):
                self._keyword(keyword, given, made, place, hidden)
        self._discriminate(value, made, place)
        return made

    def _reference(self, reference: Any, place: _Place) -> dict[str, Any]:
        try:
            self._references.target(reference)
        except Unresolvable as error:
            place.note("weakened", "$ref", f"{error}: anything is admitted")
            return {}
        place.refers[reference] = place.refers.get(reference, False) or place.is_in_place
        return {"$ref": f"#/$defs/{self._name(reference)}"}

    def _keyword(self, keyword: str, given: Any, made: dict[str, Any], place: _Place, hidden: frozenset[str]) -> None:
        if keyword in {"properties", "patternProperties", "dependentSchemas"}:
            self._named(keyword, given, made, place, hidden)
        elif keyword in _LISTED_IN_PLACE or keyword == "prefixItems":
            self._listed(keyword, given, made, place, hidden)
        elif keyword in _SINGLE or keyword in _SINGLE_IN_PLACE:
            made.setdefault(keyword, self._schema(given, place.below(keyword, in_place=keyword in _SINGLE_IN_PLACE)))
        elif keyword in _FOR_READERS:
            self._for_readers(keyword, given, made, place)
        else:
            self._plain(keyword, given, made, place, hidden)

    def _plain(self, keyword: str, given: Any, made: dict[str, Any], place: _Place, hidden: frozenset[str]) -> None:
        check = plain_keyword(keyword)
        if check is None:
            place.note("weakened", keyword, f"the keyword {keyword} is not understood")
            return
        if keyword == "format" and place.direction == "output":
            self.counts["formats of answers, which are not checked"] += 1
            return
        try:
            sound = check(given)
        except ValueError as error:
            place.note("weakened", keyword, f"{keyword} {error}")
            return
        if keyword == "required":
            sound = [name for name in sound if name not in hidden]
        if isinstance(given, int) and isinstance(sound, float):
            place.note("weakened", keyword, f"{keyword} is rounded: JSON carries no integer beyond 2**53 exactly")
        made[keyword] = sound

    def _for_readers(self, keyword: str, given: Any, made: dict[str, Any], place: _Place) -> None:
        if place.direction == "output":
            return
        if keyword == "description":
            made[keyword] = bounded_text(given)
            self.counts[_SHORT] += len(" ".join(str(given).split())) > MAX_DESCRIPTION
        elif keyword == "default":
            self._keep_short(keyword, given, made)
        elif keyword == "examples":
            short = [one for one in given if _is_short(one)][:1] if isinstance(given, list) else []
            self.counts[_NO_EXAMPLES] += not short
            made.update({"examples": short} if short else {})

    def _keep_short(self, keyword: str, given: Any, made: dict[str, Any]) -> None:
        if _is_short(given):
            made[keyword] = given
        else:
            self.counts[f"{keyword}s too long to keep"] += 1

    def _listed(self, keyword: str, given: Any, made: dict[str, Any], place: _Place, hidden: frozenset[str]) -> None:
        if not isinstance(given, list) or not given:
            place.note("weakened", keyword, f"{keyword} is not a list of schemas")
            return
        in_place = keyword != "prefixItems"
        passed = hidden if keyword == "allOf" else frozenset()
        branches = [
            self._schema(one, place.below(f"{keyword}/{n}", in_place=in_place, hidden=passed))
            for n, one in enumerate(given)
        ]
        if keyword == "oneOf" and place.direction == "output":
            self.counts["oneOf of answers, read as anyOf: services are not held to give exactly one"] += 1
            keyword = "anyOf" if "anyOf" not in made else keyword
        made[keyword] = branches

    def _named(self, keyword: str, given: Any, made: dict[str, Any], place: _Place, hidden: frozenset[str]) -> None:
        if not isinstance(given, dict):
            place.note("weakened", keyword, f"{keyword} is not a mapping")
            return
        found: dict[str, Any] = {}
        for name, schema in given.items():
            if keyword == "properties" and name in hidden and self._is_hidden(schema, place):
                word = "readOnly" if place.direction == "input" else "writeOnly"
                place.note("left_out", f"{keyword}/{name}", f"{word}: it is not part of this direction")
                continue
            if keyword == "patternProperties" and not self._is_linear(name, place):
                continue
            step = place.below(f"{keyword}/{name}", in_place=keyword == "dependentSchemas")
            found[name] = self._schema(schema, step)
        made[keyword] = found
        if keyword == "patternProperties" and len(found) < len(given):
            # What the pattern was for would otherwise be refused.
            made["additionalProperties"] = True

    def _is_linear(self, pattern: str, place: _Place) -> bool:
        try:
            linear_pattern(pattern)
        except ValueError as error:
            place.note("weakened", "patternProperties", f"a pattern {error}")
            return False
        return True

    def _hidden(self, value: dict[str, Any], place: _Place) -> frozenset[str]:
        """Name the properties that are not of this direction, of the schema and of what it joins by `allOf`."""
        branches = value.get("allOf")
        joined = [self._references.schema(one) for one in branches] if isinstance(branches, list) else []
        found: set[str] = set()
        for one in (value, *joined):
            found |= {name for name, part in _map(one.get("properties")).items() if self._is_hidden(part, place)}
        return frozenset(found)

    def _is_hidden(self, schema: Any, place: _Place) -> bool:
        word = "readOnly" if place.direction == "input" else "writeOnly"
        if not isinstance(schema, dict):
            return False
        return schema.get(word) is True or self._references.schema(schema).get(word) is True

    def _discriminate(self, value: dict[str, Any], made: dict[str, Any], place: _Place) -> None:
        """Say which value of the discriminator stands for which branch, where the document does."""
        said = value.get("discriminator")
        if not isinstance(said, dict):
            return
        branched = next((keyword for keyword in ("oneOf", "anyOf") if keyword in made), None)
        if branched is None:
            place.note("weakened", "discriminator", "subtypes that are not listed by oneOf or anyOf are not checked")
            return
        values: dict[str, list[str]] = {}
        for text, target in _map(said.get("mapping")).items():
            values.setdefault(str(target), []).append(text)
        for branch, raw in zip(made[branched], value.get(branched) or value.get("oneOf") or [], strict=False):
            names = values.get(str(raw.get("$ref"))) if isinstance(raw, dict) else None
            if names and isinstance(branch, dict) and "properties" not in branch:
                branch["properties"] = {str(said.get("propertyName")): {"enum": sorted(names)}}


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_short(value: Any) -> bool:
    return is_json(value) and len(json.dumps(value)) <= MAX_EXAMPLE


def _endless(components: dict[str, _Component]) -> set[str]:
    """Find the components that come back to themselves while the value stays the same."""
    edges = {one: [to for to, same in part.refers.items() if same] for one, part in components.items()}
    found: set[str] = set()
    for start, first in edges.items():
        waiting, seen = list(first), set()
        while waiting:
            at = waiting.pop()
            if at == start:
                found.add(start)
                break
            if at not in seen:
                seen.add(at)
                waiting += edges.get(at, ())
    return found
