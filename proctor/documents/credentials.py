"""The document `credentials.yaml`: names of credentials, and where each comes from. It holds no secret itself."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from proctor.contracts.credential_sources import CredentialsFile, VaultAccess, VaultSource
from proctor.documents.problems import Problem, Problems, raise_first, read_form
from proctor.documents.source import Source, read_source

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}", re.ASCII)
_OWN_PORTS = {"https": ":443", "http": ":80"}
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


def read_credentials(path: Path) -> CredentialsFile:
    """Read the document. Raises `InvalidDocument` with the line of the first mistake."""
    found, problems = credentials_of(read_source(path))
    raise_first(problems)
    assert found is not None
    return found


def credentials_of(source: Source) -> tuple[CredentialsFile | None, list[Problem]]:
    """Read a document that was parsed, with all of its mistakes."""
    problems = Problems(source)
    found = read_form(CredentialsFile, source.data, problems)
    if found is not None:
        _check(found, problems)
    return found, problems.found


def _check(found: CredentialsFile, problems: Problems) -> None:
    for name, credential in found.credentials.items():
        place = ("credentials", name)
        if not _NAME.fullmatch(name):
            problems.add(place, f"{name!r} is not a name of a credential", "use small letters, digits and hyphens")
        if not credential.tools:
            problems.add(place, f"no tool may have {name}", "name the tools under `tools:`")
        for at, origin in enumerate(credential.origins):
            scheme, _, rest = origin.partition("://")
            if rest.endswith(_OWN_PORTS[scheme]):
                problems.add((*place, "origins", at), f"{origin} names its scheme's own port", "leave the port out")
        if isinstance(credential.source, VaultSource):
            _check_vault(name, credential.source, credential.scopes, found.vault, problems)
    if found.vault is not None:
        _check_access(found.vault, problems)


def _check_vault(
    name: str, source: VaultSource, scopes: tuple[str, ...], access: VaultAccess | None, problems: Problems
) -> None:
    place = ("credentials", name, "source")
    if access is None:
        problems.add(place, f"{name} comes from Vault, and no Vault is named", "add `vault:` with its address")
    if "{scope}" in source.path and not scopes:
        problems.add(place, f"{name} needs a scope, and allows none", "name them under `scopes:`")
    if ".." in source.path.split("/") or re.sub(r"\{scope\}", "", source.path).count("{"):
        problems.add(place, f"the path {source.path!r} cannot be used", "only {scope} may be filled in")


def _check_access(access: VaultAccess, problems: Problems) -> None:
    try:
        url = urlsplit(access.address)
        usable = url.scheme == "https" or (url.scheme == "http" and url.hostname in _THIS_MACHINE)
        usable = usable and bool(url.hostname) and url.port != 0 and "@" not in url.netloc and url.path in {"", "/"}
    except ValueError:
        usable = False
    if not usable:
        problems.add(
            ("vault", "address"), "the address of Vault is not https://HOST[:PORT]", "http is for this machine"
        )
    if (access.token is None) is (access.approle is None):
        problems.add(("vault",), "Vault needs `token:` or `approle:`, and one of them only", "choose one")
