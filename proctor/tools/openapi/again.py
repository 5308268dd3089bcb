"""Reads the document of imported tools again: what it says of each of them now."""

from collections.abc import Sequence
from typing import Final

from proctor.contracts.catalog import SourcePlace
from proctor.contracts.errors import InvalidInput
from proctor.contracts.tool import HttpImplementation, ToolContract
from proctor.tools.openapi.fetching import fetch_document
from proctor.tools.openapi.importing import Asked, import_openapi

_ANY_BASE: Final = "https://base.invalid"


class OpenApiReadAgain:
    """`ReadAgain` for OpenAPI documents; names, versions and base URLs stay as people have them."""

    async def __call__(self, contracts: Sequence[ToolContract], place: SourcePlace, /) -> Sequence[ToolContract]:
        """Give the contracts that an import would make now. See `ReadAgain`."""
        held = {one.provenance.operation: one for one in contracts if one.provenance is not None}
        source = next(one.provenance.source for one in contracts if one.provenance is not None)
        document, url = await fetch_document(source, place.root)
        asked = Asked(source="again", shown=source, document_url=url, base_url=_ANY_BASE, only=tuple(sorted(held)))
        try:
            fresh = import_openapi(document, asked).contracts
        except InvalidInput:
            # It has none of these operations any more.
            return []
        operations = [(one.provenance.operation if one.provenance is not None else "", one) for one in fresh]
        # Globs that stand for themselves may stand for others too.
        return [_as_held(held[operation], one) for operation, one in operations if operation in held]


def _as_held(held: ToolContract, fresh: ToolContract) -> ToolContract:
    update = {"name": held.name, "version": held.version, "credentials": held.credentials}
    if isinstance(held.implementation, HttpImplementation) and isinstance(fresh.implementation, HttpImplementation):
        base = {"base_url": held.implementation.base_url}
        return fresh.model_copy(update={**update, "implementation": fresh.implementation.model_copy(update=base)})
    return fresh.model_copy(update=update)
