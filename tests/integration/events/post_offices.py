"""A real mail server for tests."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd import smtp
from aiosmtpd.smtp import AuthResult, Envelope, Session


@dataclass
class PostOffice:
    """Keeps what it is handed; `refuse` says how it answers to some recipients."""

    port: int = 0
    letters: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    over_tls: list[bool] = field(default_factory=list)
    users: list[bytes] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd calls
        self, _: smtp.SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: smtp.SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        message: Any = message_from_bytes(envelope.content or b"", policy=default)
        self.letters.append((envelope.rcpt_tos[0], message))
        self.over_tls.append(session.ssl is not None)
        return "250 OK"

    def authenticate(self, _: Any, __: Any, ___: Any, mechanism: str, data: Any) -> AuthResult:
        self.users.append(data.login)
        return AuthResult(success=data.password == b"pass word")

    def texts(self) -> list[tuple[str, str]]:
        """Give recipient and subject of each letter, sorted."""
        return sorted((to, str(message["Subject"])) for to, message in self.letters)


@contextlib.asynccontextmanager
async def post_office(tls: ssl.SSLContext | None = None, *, starttls: bool = True) -> AsyncIterator[PostOffice]:
    """Serve on a free port of this machine; with `tls`, only mail over it is taken."""
    office, loop = PostOffice(), asyncio.get_running_loop()
    options: dict[str, Any] = {}
    if tls is not None and starttls:
        options = {"tls_context": tls, "require_starttls": True, "authenticator": office.authenticate}
    server = await loop.create_server(
        lambda: smtp.SMTP(office, loop=loop, hostname="127.0.0.1", **options),
        "127.0.0.1",
        0,
        ssl=None if starttls else tls,
    )
    office.port = server.sockets[0].getsockname()[1]
    try:
        yield office
    finally:
        server.close()
        await server.wait_closed()
