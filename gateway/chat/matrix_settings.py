"""What the environment says of Matrix. Nothing of Matrix's own libraries is imported here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from proctor.contracts.errors import InvalidInput
from proctor.contracts.labels import Confidentiality

HOMESERVER = "PROCTOR_MATRIX_HOMESERVER"
TOKEN = "PROCTOR_MATRIX_TOKEN"  # noqa: S105 - the variable's name
ROOM = "PROCTOR_MATRIX_ROOM"
MAY_SEE = "PROCTOR_MATRIX_MAY_SEE"
_PAGE = "see docs/how-to/connect-matrix.md"
_LOOPBACK = ("http://127.0.0.1:", "http://localhost:", "http://[::1]:")
_ROOM_ID = re.compile(r"![^\s:]{1,128}(:[A-Za-z0-9.:\[\]-]{1,128})?")
_SEEN = (Confidentiality.PUBLIC, Confidentiality.INTERNAL, Confidentiality.PII)


@dataclass(frozen=True)
class MatrixSettings:
    """One account and one room. The token is not part of its repr."""

    homeserver: str
    token: str = field(repr=False)
    """Access token of the account that Proctor speaks with."""
    room: str
    """Id of the room that cards are posted to, such as `!abc:example.org`."""
    may_see: Confidentiality = Confidentiality.INTERNAL
    """The most confidential values that the room may see; secrets never."""

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> "MatrixSettings | None":
        """Read the environment; None when it says nothing of Matrix.

        Raises:
            InvalidInput: something is missing or cannot be used; the message names the variable, never a token.

        """
        said = {name: environ.get(name, "").strip() for name in (HOMESERVER, TOKEN, ROOM)}
        if not any(said.values()):
            return None
        for name, value in said.items():
            if not value:
                raise InvalidInput(f"Matrix is set up without {name}", hint=_PAGE)
        if not said[HOMESERVER].startswith(("https://", *_LOOPBACK)):
            raise InvalidInput(f"{HOMESERVER} is not an https address", hint="the token would travel in clear text")
        if not _ROOM_ID.fullmatch(said[ROOM]):
            raise InvalidInput(f"{ROOM} is not the id of a room", hint="it looks like !abc:example.org, not #name")
        may_see = environ.get(MAY_SEE, "").strip() or Confidentiality.INTERNAL
        if may_see not in _SEEN:
            hint = f"use one of {', '.join(_SEEN)}; secrets are never shown"
            raise InvalidInput(f"{MAY_SEE} is unknown: {may_see!r}", hint=hint)
        return cls(said[HOMESERVER].rstrip("/"), said[TOKEN], said[ROOM], Confidentiality(may_see))
