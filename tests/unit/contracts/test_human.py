"""What is said of people reads the same from every process."""

import json

from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import PrincipalName

NAME = PrincipalName("maria.ops")


def test_roles_are_written_in_one_order() -> None:
    """A set of texts has an order of its own in each process; nobody who asks twice should see two answers."""
    written = json.loads(Principal(name=NAME, roles=frozenset(Role)).model_dump_json())["roles"]
    assert written == ["approver", "auditor", "operator", "owner", "requester"]


def test_written_roles_are_read_back() -> None:
    principal = Principal(name=NAME, roles=frozenset({Role.OWNER, Role.APPROVER}))
    assert Principal.model_validate_json(principal.model_dump_json()) == principal
