"""Who is at the keyboard: a token, authenticated by the store; never a name alone."""

import os
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from proctor.contracts.errors import InvalidInput, NotAuthorised, Refused, Unavailable
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import PrincipalName
from proctor.contracts.people_ports import People
from proctor.documents.problems import did_you_mean

TOKEN_VARIABLE = "PROCTOR_TOKEN"  # noqa: S105 - the variable's name
PRINCIPAL_VARIABLE = "PROCTOR_PRINCIPAL"
PRINCIPAL_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
OUR_OWN_NAMES = frozenset({"temporal", "proctor", "proctor.drill", "policy", "planner"})
"""Names that records give to what is not a person."""
LOCAL_PRINCIPALS: dict[str, frozenset[Role]] = {
    "operator": frozenset({Role.REQUESTER, Role.OPERATOR, Role.AUDITOR}),
    "maria.ops": frozenset({Role.OWNER, Role.APPROVER}),
    "demo.approver": frozenset({Role.APPROVER}),
    "second.operator": frozenset({Role.OPERATOR}),
}
"""Principals of a development stack. Whoever reads its state folder can be any of them, by intent."""
DEV_PRINCIPAL = "operator"
"""Who acts on a development stack when nobody is named."""


def token_path(state: Path, name: str) -> Path:
    """Give the file that holds the token of a principal.

    Raises:
        NotAuthorised: the name would lead out of the folder.

    """
    if not name or name.startswith(".") or any(c in name for c in "/\\\0"):
        raise NotAuthorised(f"{name!r} cannot be the name of a principal", hint="use letters, digits, dots and dashes")
    return state / "principals" / f"{name}.token"


def find_token(environ: Mapping[str, str], state: Path, name: str | None, fallback: str | None = None) -> str:
    """Find the token of the person at the keyboard.

    `name` (from `--as`) or PROCTOR_PRINCIPAL choose a token file in the state folder; PROCTOR_TOKEN is used when
    no name was given on the command line. `fallback` names who acts when nobody is named.

    Raises:
        NotAuthorised: there is no token, or its file may be read by others.

    """
    if name is None and environ.get(TOKEN_VARIABLE):
        return environ[TOKEN_VARIABLE]
    name = name or environ.get(PRINCIPAL_VARIABLE) or fallback
    if not name:
        raise NotAuthorised(
            "nobody is signed in",
            hint=f"pass --as NAME, or set {PRINCIPAL_VARIABLE} or {TOKEN_VARIABLE} (`proctor principals ls`)",
        )
    return _read_token(token_path(state, name), name)


def _read_token(path: Path, name: str) -> str:
    try:
        mode = path.stat().st_mode
        token = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        meant = did_you_mean(name, sorted(one.stem for one in path.parent.glob("*.token")))
        made = f"`proctor dev` makes tokens at its first start; `proctor principals add {name} --role R` makes one"
        raise NotAuthorised(f"there is no token of {name} in {path.parent}", hint=meant or made) from error
    except (OSError, ValueError) as error:
        raise NotAuthorised(
            f"the token file {path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}",
            hint=f"`proctor principals add {name} --role R` makes another token",
        ) from error
    if mode & 0o077:
        raise NotAuthorised(f"the token file {path} can be read by others", hint=f"chmod 600 {path}")
    return token


async def enrol(
    people: People,
    state: Path,
    name: str,
    roles: frozenset[Role],
    *,
    is_service: bool = False,
    by: PrincipalName | None = None,
) -> Principal:
    """Create a principal, or give it new roles and a new token; the token's file is readable by its owner alone.

    The file is put in place before the store knows the token, so a failure in between locks out and lets nobody in.

    Raises:
        InvalidInput: the name is not plain, or is one of our own. `Maria` and `maria` must not be two people, of
            whom one asks and the other approves. A service neither approves nor owns.
        Refused: a person becomes no service, and a service no person.

    """
    if PRINCIPAL_NAME.fullmatch(name) is None or name in OUR_OWN_NAMES:
        raise InvalidInput(
            f"{name!r} cannot be the name of a principal",
            hint="use lower-case letters, digits, dots, dashes and underscores: no two people may look alike",
        )
    path = token_path(state, name)
    token = secrets.token_urlsafe(32)
    former = find_local_token(state, name)
    write_token(path, token)
    try:
        return await people.enrol(PrincipalName(name), roles, token, is_service=is_service, by=by)
    except (InvalidInput, Refused):  # Nothing was changed in the store: the token of before still holds.
        path.unlink() if former is None else write_token(path, former)
        raise


def local_names(state: Path) -> list[str]:
    """Name the principals whose tokens are in the state folder, sorted."""
    return sorted(path.name.removesuffix(".token") for path in (state / "principals").glob("*.token"))


async def check_may_enrol(caller: Callable[[], Awaitable[Principal]], state: Path) -> PrincipalName | None:
    """Let an owner enrol others, and anybody who sets up an installation without principals enrol the first.

    Gives the owner; None where there is none yet.

    A guard-rail, not a wall: whoever holds the database's password can write to it without us.

    Raises:
        NotAuthorised: the person is not an owner.

    """
    if not local_names(state):
        return None
    person = await caller()
    if Role.OWNER not in person.roles:
        raise NotAuthorised(f"{person.name} may not change principals", hint="an owner may: --as NAME")
    return person.name


async def ensure_local_principals(people: People, state: Path) -> list[PrincipalName]:
    """Make the principals of a development stack that are missing or whose tokens no longer hold; gives those made."""
    made = []
    for name, roles in LOCAL_PRINCIPALS.items():
        if not await _holds(people, find_local_token(state, name), roles):
            await enrol(people, state, name, roles)
            made.append(PrincipalName(name))
    return made


def find_local_token(state: Path, name: str) -> str | None:
    """Read the token of a principal; None when there is none that can be used."""
    try:
        return _read_token(token_path(state, name), name)
    except NotAuthorised:
        return None


async def _holds(people: People, token: str | None, roles: frozenset[Role]) -> bool:
    try:
        return token is not None and (await people.authenticate(token)).roles == roles
    except NotAuthorised:
        return False


def write_token(path: Path, token: str) -> None:
    """Write a token so that at no moment others can read it.

    Raises:
        Unavailable: the state folder cannot be written.

    """
    draft = path.with_suffix(f".{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(token + "\n")
        draft.replace(path)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}", hint="make the state folder writable") from error
