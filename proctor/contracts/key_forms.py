"""How the key of an effect is written for the service that takes it."""

from typing import Final, Literal
from uuid import UUID, uuid5

from proctor.contracts.ids import EffectKey

KeyForm = Literal["plain", "uuid"]
"""`plain`: RUN/STEP/CALL as it is. `uuid`: the UUID that is made of it, for services that take no other key."""

_NAMESPACE: Final = UUID("708dd0af-6e7c-4ae4-af66-9a42c830afc4")
"""Must never change: a retry after an upgrade has to send the key that was sent before."""


def written_key(key: EffectKey, form: KeyForm) -> str:
    """Write the key; the same one each time. UUIDs are of version 5 (RFC 9562, section 5.5)."""
    return str(uuid5(_NAMESPACE, key)) if form == "uuid" else key
