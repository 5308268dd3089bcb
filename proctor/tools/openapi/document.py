"""Reads an OpenAPI document: JSON or YAML 1.2 into JSON values, of bounded size."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_VALUES: Final = 5_000_000
"""Values in the document with aliases written out: a small file can stand for a huge one."""
MAX_DEPTH: Final = 200

_VERSION = re.compile(r"3\.([01])(\.\d+)?(-[\w.]+)?", re.ASCII)
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)


@dataclass(frozen=True)
class Document:
    """A document as it was read."""

    data: dict[str, Any]
    is_30: bool
    """Whether its schemas are OpenAPI 3.0's own dialect, and not JSON Schema 2020-12."""

    @property
    def title(self) -> str:
        """Give its title and version in one line."""
        info = self.data.get("info")
        said = info if isinstance(info, dict) else {}
        return summarize(f"{said.get('title', 'untitled')} {said.get('version', '')}", 120)


def read_document(content: bytes, shown: str) -> Document:
    """Read a document; `shown` names it in errors.

    Raises:
        InvalidInput: neither JSON nor YAML, too large, or not OpenAPI 3.0 or 3.1.

    """
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"{shown} has more than {MAX_BYTES // 2**20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{shown} is not UTF-8", hint="save it as UTF-8") from error
    data = _parse(text, shown)
    if not isinstance(data, dict):
        raise InvalidInput(f"{shown} is not an OpenAPI document", hint="it begins with `openapi: 3…`")
    _bound(data, shown)
    return Document(data, is_30=_is_30(data, shown))


def _is_30(data: dict[str, Any], shown: str) -> bool:
    if "swagger" in data:
        hint = "convert it to OpenAPI 3 first; there are converters for every language"
        raise InvalidInput(f"{shown} is Swagger {data['swagger']}, which is not read", hint=hint)
    version = _VERSION.fullmatch(str(data.get("openapi", "")))
    if version is None:
        said = f"OpenAPI {data['openapi']}" if "openapi" in data else "no OpenAPI document"
        raise InvalidInput(f"{shown} is {summarize(said, 60)}", hint="OpenAPI 3.0 and 3.1 are read")
    return version[1] == "0"


def _parse(text: str, shown: str) -> Any:
    try:
        if text.lstrip()[:1] == "{":
            return json.loads(text, object_pairs_hook=_members, parse_constant=_refuse_constant)
        return _parse_yaml(text)
    except RecursionError as error:
        raise InvalidInput(f"{shown} is nested too deeply") from error
    except ValueError as error:
        raise InvalidInput(f"{shown} cannot be read: {summarize(str(error))}") from error


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for n, name in enumerate(names) if name in names[:n])
        raise ValueError(f"the name {twice!r} stands twice in one object")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _parse_yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.load(text, _loader())  # noqa: S506 - derived from the safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"{where}{getattr(error, 'problem', None) or error}") from error


@lru_cache(maxsize=1)
def _loader() -> Any:
    """Make a loader that reads plain scalars as YAML 1.2 does: `no`, `on` and dates are text. Keys always are."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the library's own way to configure a loader

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
            del deep
            seen: set[str] = set()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                    what = "must be text" if not isinstance(key, yaml.ScalarNode) else "stands here twice"
                    raise ValueError(f"line {key.start_mark.line + 1}: the key {key.value!r} {what}")
                seen.add(key.value)
            # Merged members come first, so that a mapping's own take their place.
            self.flatten_mapping(node)
            return {key.value: self.construct_object(value, deep=True) for key, value in node.value}

        def flatten_mapping(self, node: Any) -> None:
            super().flatten_mapping(node)
            # Each name once: merges of merges would keep every copy, ten times as many with each level.
            once = {key.value if isinstance(key.value, str) else id(key): (key, value) for key, value in node.value}
            node.value = list(once.values())

        def construct_yaml_int(self, node: Any) -> int:
            return int(node.value, {"0o": 8, "0x": 16}.get(node.value[:2], 10))

    tag = "tag:yaml.org,2002:"
    Loader.add_implicit_resolver(f"{tag}merge", re.compile("<<"), ["<"])
    Loader.add_implicit_resolver(f"{tag}null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""])
    Loader.add_implicit_resolver(f"{tag}bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF"))
    Loader.add_implicit_resolver(f"{tag}int", re.compile(f"(?:{_INT.pattern})\\Z"), list("-+0123456789"))
    Loader.add_implicit_resolver(f"{tag}float", re.compile(f"(?:{_FLOAT.pattern})\\Z"), list("-+.0123456789"))
    Loader.add_constructor(f"{tag}int", Loader.construct_yaml_int)
    Loader.add_constructor(f"{tag}map", Loader.construct_mapping)
    return Loader


def _bound(data: Any, shown: str) -> None:
    """Refuse what would grow without end once references and aliases are followed; text cannot hide it."""
    try:
        size, _ = _measured(data, 0, {})
    except RecursionError:
        size = MAX_VALUES + 1
    if size > MAX_VALUES:
        raise InvalidInput(f"{shown} is too large: {MAX_VALUES} values, {MAX_DEPTH} levels at most")


def _measured(value: Any, depth: int, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Give size and height; what aliases share is measured once. Raises `RecursionError` beyond the levels."""
    if not isinstance(value, dict | list):
        return 1, 0
    if id(value) not in known:
        if depth > MAX_DEPTH:
            raise RecursionError
        parts = [_measured(one, depth + 1, known) for one in (value.values() if isinstance(value, dict) else value)]
        known[id(value)] = (1 + sum(size for size, _ in parts), 1 + max((height for _, height in parts), default=0))
    size, height = known[id(value)]
    if depth + height > MAX_DEPTH:
        raise RecursionError
    return size, height
