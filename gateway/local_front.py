"""The front of one principal over the services of this process."""

from gateway.connections import Gateway
from gateway.front_access import LocalAccess
from gateway.front_control import LocalControl
from gateway.front_people import LocalPeople
from gateway.front_runs import LocalRuns
from proctor.contracts.human import Principal


class LocalFront(LocalRuns, LocalPeople, LocalControl, LocalAccess):
    """Implements `Front`. Whoever makes one has authenticated the principal before."""

    def __init__(self, gateway: Gateway, principal: Principal) -> None:
        """Act for `principal`, who was authenticated."""
        super().__init__(gateway, principal)
