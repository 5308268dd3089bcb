from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
    ListSearchAttributesResponse,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from proctor.contracts.errors import InvalidInput, Unavailable
from workers.search_attributes import register_search_attributes, wanted


@dataclass
class FakeOperatorService:
    """Answers as a namespace would that has `found`, and refuses what `refuses` says."""

    found: dict[str, int] = field(default_factory=dict)
    refuses: dict[str, RPCStatusCode] = field(default_factory=dict)

    async def list_search_attributes(self, _: ListSearchAttributesRequest) -> ListSearchAttributesResponse:
        self._may("list")
        return ListSearchAttributesResponse(custom_attributes=cast("Any", self.found))

    async def add_search_attributes(self, request: AddSearchAttributesRequest) -> None:
        if self.refuses.get("add") is RPCStatusCode.ALREADY_EXISTS:
            self.found.update(wanted())
        self._may("add")
        self.found.update(request.search_attributes)

    def _may(self, what: str) -> None:
        if status := self.refuses.get(what):
            raise RPCError(f"no {what}", status, b"")


@dataclass
class FakeClient:
    operator_service: FakeOperatorService
    namespace: str = "ops"


async def register(service: FakeOperatorService) -> list[str]:
    return await register_search_attributes(cast("Client", FakeClient(service)))


async def test_only_what_is_missing_is_added() -> None:
    """A second registration finds everything there."""
    service = FakeOperatorService({"ProctorAgent": wanted()["ProctorAgent"]})
    assert await register(service) == sorted(wanted().keys() - {"ProctorAgent"})
    assert await register(service) == []
    assert service.found == wanted()


@pytest.mark.parametrize("what", ["list", "add"])
@pytest.mark.parametrize("status", [RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED])
async def test_a_worker_without_the_right_to_register_goes_on(what: str, status: RPCStatusCode) -> None:
    """On a managed cluster an operator adds them; the worker is not stopped by that."""
    assert await register(FakeOperatorService(refuses={what: status})) == []


async def test_a_quicker_worker_is_no_error() -> None:
    """Of two workers that start at once, both succeed."""
    service = FakeOperatorService(refuses={"add": RPCStatusCode.ALREADY_EXISTS})
    await register(service)
    assert service.found == wanted()


async def test_an_attribute_of_another_type_stops_the_worker() -> None:
    """Runs could not start with it, so it is said at once, with its name."""
    with pytest.raises(InvalidInput, match="ProctorCostUsd"):
        await register(FakeOperatorService({"ProctorCostUsd": 2}))


async def test_a_server_that_is_away_is_asked_again() -> None:
    """Anything that passes by itself is `Unavailable`."""
    with pytest.raises(Unavailable):
        await register(FakeOperatorService(refuses={"list": RPCStatusCode.UNAVAILABLE}))
