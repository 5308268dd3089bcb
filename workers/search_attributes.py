"""Registers the search attributes that a namespace lacks, on any Temporal that we are pointed at."""

import asyncio
import time
from collections.abc import Mapping

import structlog
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from proctor.contracts.errors import InvalidInput, Unavailable
from workflows.search_attributes import ALL

VISIBLE_TIMEOUT_S = 15.0
_NOT_OURS_TO_DO = {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.UNAUTHENTICATED}

_log = structlog.get_logger(__name__)


def wanted() -> dict[str, int]:
    """Give the search attributes that runs carry, each with its type."""
    return {attribute.name: int(attribute.indexed_value_type) for attribute in ALL}


async def registered(client: Client) -> dict[str, int]:
    """Read the custom search attributes of the client's namespace.

    Raises:
        RPCError: the server does not answer or does not let us.

    """
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return {name: int(value) for name, value in answer.custom_attributes.items()}


def mismatches(found: Mapping[str, int]) -> list[str]:
    """List the attributes that exist under our names with another type."""
    return sorted(name for name, kind in wanted().items() if name in found and found[name] != kind)


async def register_search_attributes(client: Client) -> list[str]:
    """Add what is missing and wait until the server shows it; gives the names that were added.

    Without the permission to do so this warns and goes on: an operator may have added them.

    Raises:
        InvalidInput: an attribute exists with another type; runs could not start.
        Unavailable: Temporal does not answer.

    """
    try:
        found = await registered(client)
        if wrong := mismatches(found):
            raise InvalidInput(
                f"the namespace {client.namespace} has search attributes of another type: {', '.join(wrong)}",
                hint="remove them with `temporal operator search-attribute remove`",
            )
        missing = {name: kind for name, kind in wanted().items() if name not in found}
        if missing:
            await _add(client, missing)
    except RPCError as error:
        if error.status not in _NOT_OURS_TO_DO:
            raise Unavailable(f"Temporal did not answer about search attributes: {error.message}") from error
        _log.warning("search_attributes_not_checked", reason=error.message, needed=sorted(wanted()))
        return []
    return sorted(missing)


async def _add(client: Client, missing: Mapping[str, int]) -> None:
    request = AddSearchAttributesRequest(
        namespace=client.namespace,
        search_attributes={name: IndexedValueType.ValueType(kind) for name, kind in missing.items()},
    )
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:  # Another worker was quicker.
            raise
    deadline = time.monotonic() + VISIBLE_TIMEOUT_S
    while missing.keys() - (await registered(client)).keys():
        if time.monotonic() > deadline:
            raise Unavailable(f"Temporal does not show the new search attributes after {VISIBLE_TIMEOUT_S:g} s")
        await asyncio.sleep(0.1)
