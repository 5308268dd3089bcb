"""Credentials for listing a server's tools, which belongs to no tool."""

from collections.abc import Sequence

from proctor.contracts.credentials import Credentials, CredentialUse, Secret
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.ids import ToolName


class ListingCredentials:
    """`Credentials` that go to whoever asks, or to one of the tools that are listed for."""

    def __init__(self, credentials: Credentials, tools: Sequence[ToolName]) -> None:
        """Take what resolves them, and the tools whose server is asked."""
        self._credentials, self._tools = credentials, tuple(tools)

    async def resolve(self, use: CredentialUse, tool: ToolName, origin: str = "") -> Secret:
        """Give the secret where one of them may have it. See `Credentials.resolve`."""
        for name in (tool, *self._tools):
            try:
                return await self._credentials.resolve(use, name, origin)
            except NotAuthorised as error:
                refused = error
        if self._tools:
            raise refused
        hint = f"{refused.hint}: {tool} stands for listing the tools of that server" if refused.hint else ""
        raise NotAuthorised(refused.message, hint=hint)

    def known(self, text: str) -> bool:
        """Whether `text` holds a secret. See `Credentials.known`."""
        return self._credentials.known(text)

    def hide(self, text: str) -> str:
        """Give `text` without secrets. See `Credentials.hide`."""
        return self._credentials.hide(text)
