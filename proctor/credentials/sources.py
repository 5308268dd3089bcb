"""Credentials that lie on the worker's own machine: environment, file, keyring."""

import asyncio
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from proctor.contracts.credential_sources import EnvironmentSource, FileSource, KeyringSource
from proctor.contracts.errors import InvalidInput, Unavailable

MAX_BYTES: Final = 64 * 1024
_TOO_OPEN: Final = stat.S_IWGRP | stat.S_IRWXO

Ring = Callable[[str, str], str | None]
"""Gives the password of a service and user, as `keyring.get_password` does."""


def from_environment(source: EnvironmentSource, environ: Mapping[str, str]) -> str:
    """Read a variable. Raises `Unavailable` when it is not set."""
    value = environ.get(source.name, "")
    if not value:
        raise Unavailable(f"{source.name} is not set", hint=f"set {source.name} in the environment of the worker")
    return value


async def from_file(source: FileSource) -> str:
    """Read a file. Raises `Unavailable` when it cannot be read, or can be by more than its owner and group."""
    return await asyncio.to_thread(_read, source.path)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            _check_mode(path, os.fstat(file.fileno()))
            body = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unavailable(f"the credential file {path} cannot be read: {error.strerror}") from None
    if len(body) > MAX_BYTES:
        raise Unavailable(f"the credential file {path} is larger than {MAX_BYTES} bytes")
    try:
        return body.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        # From None: the error itself would hold the secret.
        raise Unavailable(f"the credential file {path} is not UTF-8") from None


def _check_mode(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Unavailable(f"the credential file {path} is not a file")
    if found.st_mode & _TOO_OPEN:
        mode = stat.S_IMODE(found.st_mode)
        raise Unavailable(f"the credential file {path} is open to others (mode {mode:o})", hint=f"chmod 600 {path}")
    if found.st_uid not in {0, os.geteuid()}:
        raise Unavailable(f"the credential file {path} belongs to another user", hint=f"chown it to uid {os.geteuid()}")


async def from_keyring(source: KeyringSource, ring: Ring | None = None) -> str:
    """Ask the operating system's keyring. Raises `Unavailable` when it has no such entry, or cannot be asked."""
    ask = ring or _keyring()
    try:
        value = await asyncio.to_thread(ask, source.service, source.user)
    except Exception as error:  # noqa: BLE001 - each back end has errors of its own, whose text is not repeated
        raise Unavailable(f"the keyring does not answer: {type(error).__name__}") from None
    if not value:
        raise Unavailable(f"the keyring has nothing for {source.user} of {source.service}")
    return value


def _keyring() -> Ring:
    try:
        import keyring
    except ImportError:
        raise InvalidInput(
            "the keyring of the operating system needs the package `keyring`", hint="pip install 'proctor[keyring]'"
        ) from None
    ask: Ring = keyring.get_password
    return ask
