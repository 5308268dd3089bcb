"""A standing grant beside what must still be true of its author."""

from proctor.contracts.approving import Grant
from proctor.contracts.base import Contract
from proctor.contracts.human import Roles


class HeldGrant(Contract):
    """A live grant whose author is still enrolled, with the roles that they have now."""

    grant: Grant
    roles: Roles
