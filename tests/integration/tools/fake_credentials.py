"""Credentials that a test gives."""

from proctor.contracts.credentials import CredentialUse, Secret
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.ids import ToolName


class FakeCredentials:
    """`Credentials` over a table; whatever is not in it may not be had."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self.secrets = secrets

    async def resolve(self, use: CredentialUse, tool: ToolName, origin: str = "") -> Secret:
        """Give the secret of that name, wherever it goes."""
        del origin
        if use.name not in self.secrets:
            raise NotAuthorised(f"{tool} may not have {use.name}")
        return Secret(self.secrets[use.name])

    def known(self, text: str) -> bool:
        """Whether a secret is in `text`."""
        return any(secret in text for secret in self.secrets.values())

    def hide(self, text: str) -> str:
        """Give `text` without the secrets."""
        for secret in self.secrets.values():
            text = text.replace(secret, "***")
        return text
