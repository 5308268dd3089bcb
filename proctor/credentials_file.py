"""The credentials of a project: its `credentials.yaml`, and nothing where there is none."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from proctor.contracts.credential_sources import CredentialsFile
from proctor.credentials.resolver import ScopedCredentials
from proctor.documents.credentials import read_credentials
from proctor.settings import Settings
from proctor.telemetry.logs import hide_in_logs

USUAL_NAME = "credentials.yaml"


def read_file(settings: Settings) -> CredentialsFile:
    """Read the file that the settings name, or the project's own. Raises `InvalidDocument`."""
    usual = settings.root / USUAL_NAME
    path = settings.credentials or (usual if usual.exists() else None)
    return CredentialsFile() if path is None else read_credentials(path)


def open_credentials(file: CredentialsFile, environ: Mapping[str, str]) -> ScopedCredentials:
    """Make the port of one process, whose logs hide from here on what it resolves."""
    credentials = ScopedCredentials(file, environ)
    hide_in_logs(credentials.hide)
    return credentials


@asynccontextmanager
async def opened_credentials(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[ScopedCredentials]:
    """Open the project's credentials for one command; forgets them afterwards. Raises `InvalidDocument`."""
    credentials = open_credentials(read_file(settings), environ)
    try:
        yield credentials
    finally:
        await credentials.aclose()
