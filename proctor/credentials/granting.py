"""Which tool may have which credential, and where it may be sent: what a worker's `credentials.yaml` says."""

from collections.abc import Callable, Iterable

from proctor.contracts.credential_sources import ANY_TOOL, CredentialDefinition, CredentialsFile, VaultSource
from proctor.contracts.credentials import CredentialUse
from proctor.contracts.errors import NotAuthorised, ProctorError, UnknownName
from proctor.contracts.ids import ToolName
from proctor.contracts.tool import ToolContract


def granted(file: CredentialsFile, use: CredentialUse, tool: ToolName) -> CredentialDefinition:
    """Give the definition of a credential that a tool may have. Raises `UnknownName` or `NotAuthorised`."""
    definition = file.credentials.get(use.name)
    if definition is None:
        raise UnknownName(
            f"this worker has no credential {use.name}",
            hint="name it in credentials.yaml, and start the worker again",
        )
    if tool not in definition.tools and ANY_TOOL not in definition.tools:
        raise NotAuthorised(
            f"{tool} may not have the credential {use.name}",
            hint="name the tool under its `tools:` in credentials.yaml, and start the worker again",
        )
    if use.scope and use.scope not in definition.scopes:
        raise NotAuthorised(f"the credential {use.name} does not have the scope {use.scope}")
    needs_scope = isinstance(definition.source, VaultSource) and "{scope}" in definition.source.path
    if needs_scope and not use.scope:
        raise NotAuthorised(f"the credential {use.name} needs a scope", hint="give the tool's use a `scope:`")
    return definition


def check_origin(name: str, definition: CredentialDefinition, origin: str) -> None:
    """Raise `NotAuthorised` where a credential that names its origins would go to another, or who knows where."""
    if definition.origins and origin not in definition.origins:
        raise NotAuthorised(
            f"the credential {name} may not be sent to {origin or 'a place that cannot be told'}",
            hint=f"its `origins:` in credentials.yaml are {', '.join(definition.origins)}",
        )


def not_granted(
    file: CredentialsFile, contracts: Iterable[ToolContract], origin: Callable[[ToolContract], str | None]
) -> list[str]:
    """Say what of their credentials these tools will not get, whatever their sources answer; each thing once.

    `origin` tells where a tool's calls go, empty where nobody can, None where it is not known here.
    """
    found: dict[str, None] = {}
    for contract in contracts:
        for use in contract.credentials:
            try:
                definition, goes_to = granted(file, use, contract.name), origin(contract)
                if goes_to is not None:
                    check_origin(use.name, definition, goes_to)
            except ProctorError as error:
                found[f"{contract.name}: {error.message}"] = None
    return list(found)
