"""Contracts of typed Python functions, for the catalog: made once, and made again to see whether the code changed."""

import importlib
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from proctor.contracts.canonical import digest_json, summarize
from proctor.contracts.catalog import SourcePlace
from proctor.contracts.errors import InvalidInput
from proctor.contracts.tool import Effect, Provenance, PythonImplementation, ToolContract
from proctor.tools.signature import load_signature, python_contract


def python_tools(reference: str, *, effect: Effect, **declared: Any) -> list[ToolContract]:
    """Make the contracts of `module:function`, or of every public typed function that `module` itself defines.

    `declared` are further fields of `ToolContract`, for all of them. Raises `InvalidInput`.
    """
    module, _, name = reference.partition(":")
    functions = [name] if name else [one.__name__ for one in _public(module)]
    if not functions:
        hint = "a tool is a function whose name has no leading underscore"
        raise InvalidInput(f"{module} defines no public function", hint=hint)
    return [python_tool(f"{module}:{function}", effect=effect, **declared) for function in functions]


def python_tool(reference: str, *, effect: Effect, **declared: Any) -> ToolContract:
    """Make the contract of `module:function`. Raises `InvalidInput`."""
    function = load_signature(reference, is_read=effect is Effect.READ).function
    contract = python_contract(function, effect=effect, **declared)
    said = {
        "description": contract.description,
        "input": contract.input_schema,
        "output": contract.output_schema,
    }
    update = {
        "provenance": Provenance(
            kind="python", source=reference.partition(":")[0], operation=reference, digest=digest_json(said)
        ),
        "implementation": PythonImplementation(function=reference),
    }
    return contract.model_copy(update=update)


class PythonReadAgain:
    """`ReadAgain` for Python functions: their types and docstrings, as they are imported now."""

    async def __call__(self, contracts: Sequence[ToolContract], place: SourcePlace, /) -> Sequence[ToolContract]:
        """Give the contracts that would be made now. See `ReadAgain`."""
        del place
        return list(self._again(contracts))

    def _again(self, contracts: Iterable[ToolContract]) -> Iterable[ToolContract]:
        for contract in contracts:
            if contract.provenance is None or not _is_there(contract.provenance.operation):
                continue
            fresh = python_tool(contract.provenance.operation, effect=contract.effect)
            yield fresh.model_copy(update={"name": contract.name, "version": contract.version})


def _is_there(reference: str) -> bool:
    module, _, name = reference.partition(":")
    return hasattr(_imported(module), name)


def _public(module: str) -> list[Callable[..., Any]]:
    members = vars(_imported(module)).items()
    return [
        one
        for name, one in members
        if inspect.isfunction(one) and one.__module__ == module and not name.startswith("_") and name == one.__name__
    ]


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except Exception as error:
        # Whatever a module raises while it is imported is its own affair.
        hint = "check its name, and that it can be imported from the root of the project"
        raise InvalidInput(f"cannot load {module}: {summarize(str(error))}", hint=hint) from error
