"""What chats need of the store."""

from typing import Protocol


class SeenMessages(Protocol):
    """Messages that were taken up already, by any gateway."""

    async def is_new(self, source: str, key: str, keep_s: float) -> bool:
        """Remember a message for so long; False when it was remembered before, so that it is a repetition.

        One transaction, and true for one caller only, however many ask at once. Raises `Unavailable`: then nobody
        knows, and the message must not be taken up.
        """
