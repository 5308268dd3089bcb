"""A Python tool's signature: where its JSON Schemas come from, and how JSON arguments become typed ones."""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NotRequired, get_type_hints

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python
from typing_extensions import TypedDict

from proctor.contracts.canonical import summarize
from proctor.contracts.credentials import Secret
from proctor.contracts.errors import InvalidInput
from proctor.contracts.ids import ToolName
from proctor.contracts.tool import Effect, PythonImplementation, ToolContract

RESOURCES = "resources"
IDEMPOTENCY_KEY = "idempotency_key"


@dataclass(frozen=True)
class Signature:
    """A tool's function, and what it takes."""

    function: Callable[..., Any]
    is_async: bool
    injected: frozenset[str]
    """Parameters that the adapter fills; they are not part of the input schema."""
    secrets: frozenset[str]
    """Parameters of type `Secret`, which credentials of the contract fill; no part of the input schema either."""
    defaults: dict[str, Any]
    arguments: TypeAdapter[dict[str, Any]]
    result: TypeAdapter[Any]

    def bind(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Turn JSON into the types that the function declares. Raises `InvalidInput`."""
        try:
            return self.arguments.validate_python(arguments)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InvalidInput(f"argument {where}: {first['msg']}") from error

    def input_schema(self) -> dict[str, Any]:
        """Derive the JSON Schema of the arguments."""
        schema: dict[str, Any] = _untitled(self.arguments.json_schema())
        for name, value in self.defaults.items():
            schema["properties"][name].setdefault("default", value)
        return schema

    def output_schema(self) -> dict[str, Any]:
        """Derive the JSON Schema of the result; empty when the function declares nothing of use."""
        schema: dict[str, Any] = _untitled(self.result.json_schema(mode="serialization"))
        return schema


def python_contract(
    function: Callable[..., Any], *, name: str | None = None, effect: Effect = Effect.IRREVERSIBLE, **fields: Any
) -> ToolContract:
    """Derive the contract of a function; `fields` are further fields of `ToolContract`.

    The name defaults to the function's in camel case, the description to its docstring. Raises `InvalidInput` for
    a parameter without a type, `*args` or `**kwargs`.
    """
    signature = inspect_function(function, is_read=effect is Effect.READ)
    camel = "".join(part.capitalize() for part in function.__name__.split("_"))
    return ToolContract(
        name=ToolName(name or camel),
        effect=effect,
        input_schema=signature.input_schema(),
        output_schema=signature.output_schema(),
        implementation=PythonImplementation(function=f"{function.__module__}:{function.__name__}"),
        **{"description": inspect.getdoc(function) or "", **fields},
    )


def derive_schemas(reference: str, *, is_read: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Derive input and output schema of `module:function`. Raises `InvalidInput`."""
    signature = load_signature(reference, is_read=is_read)
    return signature.input_schema(), signature.output_schema()


@lru_cache(maxsize=1024)
def load_signature(reference: str, *, is_read: bool) -> Signature:
    """Import `module:function` once and inspect it. Raises `InvalidInput`."""
    module, _, name = reference.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:
        # A module that breaks while it is imported must not take the worker with it.
        hint = "check the module path, the function's name and that the module imports"
        raise InvalidInput(f"cannot load {reference}: {summarize(str(error))}", hint=hint) from error
    if not callable(function):
        raise InvalidInput(f"{reference} is not a function")
    return inspect_function(function, is_read=is_read)


def inspect_function(function: Callable[..., Any], *, is_read: bool) -> Signature:
    """Read a function's typed signature.

    For an effect `idempotency_key` is injected; a read has no key of its own, so there it is an argument like any
    other (a read-back probe is asked for somebody else's key).
    """
    injectable = {RESOURCES} if is_read else {RESOURCES, IDEMPOTENCY_KEY}
    parameters = inspect.signature(function).parameters
    try:
        hints = get_type_hints(function, include_extras=True)
        secrets = frozenset(name for name in parameters if hints.get(name) is Secret)
        taken = [parameter for name, parameter in parameters.items() if name not in injectable | secrets]
        fields = {parameter.name: _field(function, parameter, hints) for parameter in taken}
        return Signature(
            function=function,
            is_async=inspect.iscoroutinefunction(function),
            injected=frozenset(injectable & parameters.keys()),
            secrets=secrets,
            defaults={one.name: to_jsonable_python(one.default) for one in taken if one.default is not one.empty},
            arguments=_closed(fields),
            result=TypeAdapter(hints.get("return", Any)),
        )
    except (NameError, PydanticUserError) as error:
        raise InvalidInput(f"{function.__name__}: its types cannot be read: {summarize(str(error))}") from error


def _field(function: Callable[..., Any], parameter: inspect.Parameter, hints: dict[str, Any]) -> Any:
    if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
        raise InvalidInput(f"{function.__name__}: parameter {parameter} cannot be filled from JSON by name")
    if parameter.name not in hints:
        raise InvalidInput(f"{function.__name__}: parameter {parameter.name} has no type", hint="annotate it")
    hint = hints[parameter.name]
    return hint if parameter.default is parameter.empty else NotRequired[hint]


def _closed(fields: dict[str, Any]) -> TypeAdapter[dict[str, Any]]:
    make: Any = TypedDict
    shape = make("Arguments", fields)
    shape.__pydantic_config__ = ConfigDict(extra="forbid")
    return TypeAdapter(shape)


def _untitled(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_untitled(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _untitled(part) for key, part in schema.items() if not (key == "title" and isinstance(part, str))}
