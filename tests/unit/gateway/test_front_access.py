"""Whose keys and names elsewhere somebody sees, and which roles a new key has, with a store in memory."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.connections import Gateway
from gateway.front_access import LocalAccess, hash_of, summary_of
from gateway.front_models import ApiKeyOrder
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.human import Principal, Role
from proctor.contracts.identity_ports import ApiKey, NewApiKey
from proctor.contracts.ids import PrincipalName
from tests.unit.cards.requests import NOW
from tests.unit.gateway.fakes import bundle

BOTH = frozenset({Role.REQUESTER, Role.APPROVER})


class FakeStore:
    """Notes whose things were asked for, and which key was made."""

    def __init__(self) -> None:
        self.api_keys = SimpleNamespace(keys=self._list, create=self._create)
        self.identities = SimpleNamespace(identities=self._list)
        self.people = SimpleNamespace(principal=self._principal)
        self.whose: list[str | None] = []
        self.made: list[NewApiKey] = []

    async def _list(self, whose: str | None) -> list[Any]:
        self.whose.append(whose)
        return []

    async def _create(self, new: NewApiKey, _: Principal) -> ApiKey:
        self.made.append(new)
        kept = new.model_dump(include={"id", "principal", "roles", "label"})
        return ApiKey.model_validate({**kept, "created_by": "zoe", "created_at": NOW, "expires_at": NOW})

    async def _principal(self, name: str) -> Principal:
        return Principal(name=PrincipalName(name), roles=frozenset({Role.REQUESTER}))


def front(store: FakeStore, *roles: Role) -> LocalAccess:
    who = Principal(name=PrincipalName("zoe"), roles=frozenset(roles))
    return LocalAccess(cast("Gateway", SimpleNamespace(store=store)), who)


@pytest.mark.parametrize("role", Role)
async def test_owners_and_auditors_see_what_others_have_and_nobody_else_does(role: Role) -> None:
    """Whoever asks for another's, or for all, is given their own."""
    store = FakeStore()
    for name in (None, PrincipalName("adam")):
        await front(store, role).api_keys(name)
        await front(store, role).identities(name)
    sees = role in {Role.OWNER, Role.AUDITOR}
    assert ([None, None, "adam", "adam"] if sees else ["zoe"] * 4) == store.whose


async def test_a_key_has_the_roles_of_whom_it_is_for_or_those_that_are_asked_for() -> None:
    """The store keeps the hash of its secret alone; who has no role makes none."""
    store = FakeStore()
    mine = front(store, *BOTH)
    created = await mine.create_api_key(ApiKeyOrder())
    await mine.create_api_key(ApiKeyOrder(principal=PrincipalName("tickets")))
    await mine.create_api_key(ApiKeyOrder(roles=frozenset({Role.APPROVER})))
    expected = [("zoe", BOTH), ("tickets", {Role.REQUESTER}), ("zoe", {Role.APPROVER})]
    assert expected == [(one.principal, set(one.roles)) for one in store.made]
    assert store.made[0].secret_sha256 == hash_of(created.token.split("_", 2)[2])
    with pytest.raises(NotAuthorised):
        await front(store).create_api_key(ApiKeyOrder())


def test_an_agent_without_an_owner_is_listed_as_one_that_does_not_run() -> None:
    """In the words that a person reads."""
    made = {"a": bundle("a"), "b": bundle("b", owner="")}
    catalog = cast("Any", SimpleNamespace(load=made.__getitem__))
    listed = [summary_of(catalog, name) for name in made]
    expected = [("maria.ops", "playbook", None), (None, "playbook", "no owner: it does not run")]
    assert expected == [(one.owner, one.planner, one.problem) for one in listed]
