"""Handing mail over: over TLS that is verified, or to this machine; no header of a mail can hold a second one."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError, MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from ssl import SSLContext

import aiosmtplib

from gateway.events.settings import SmtpSettings
from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput, Unavailable

TIMEOUT_S = 20.0
LONGEST_SUBJECT = 150
_PERMANENT = range(500, 600)


@dataclass(frozen=True)
class Letter:
    """One mail to one person."""

    to: str
    subject: str
    text: str
    html: str
    key: str
    """The same letter has the same key, and so the same Message-ID, when it is sent again."""
    thread: str
    """Letters of one thread are shown together."""


@dataclass(frozen=True)
class Mailer:
    """Sends letters, each in a transaction of its own."""

    settings: SmtpSettings
    tls: SSLContext | None = None
    """Whom to trust; None: the system's anchors."""

    async def send(self, letter: Letter) -> None:
        """Hand a letter over.

        Raises:
            InvalidInput: the address cannot be used, or the server refuses it for good.
            Unavailable: the server does not answer, is not who it says, or does not take it now.

        """
        message = self.write(letter)
        server = self.settings
        try:
            await aiosmtplib.send(
                message,
                hostname=server.host,
                port=server.port,
                username=server.user,
                password=server.password,
                use_tls=server.is_tls,
                start_tls=not server.is_tls and not server.is_loopback,
                tls_context=self.tls,
                timeout=TIMEOUT_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [one.code for one in error.recipients]
            if all(code in _PERMANENT for code in codes):
                raise InvalidInput(f"the mail server refuses {letter.to} for good ({codes[0]})") from error
            raise Unavailable(f"the mail server does not take mail for {letter.to} now ({codes[0]})") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unavailable(f"the mail server does not take mail: {type(error).__name__}: {error}") from error

    def write(self, letter: Letter) -> EmailMessage:
        """Write a letter as a message. Raises `InvalidInput` for an address that cannot be used."""
        message = EmailMessage(policy=SMTP)
        try:
            message["From"] = Address(addr_spec=self.settings.sender)
            message["To"] = Address(addr_spec=letter.to)
        except (HeaderParseError, MessageError, ValueError, IndexError) as error:
            raise InvalidInput(f"{letter.to!r} is no address to write to") from error
        message["Subject"] = summarize(_printable(letter.subject), LONGEST_SUBJECT)
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = self._id_of(f"{letter.key}\n{letter.to}")
        message["References"] = self._id_of(letter.thread)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        return message

    def _id_of(self, text: str) -> str:
        host = self.settings.sender.rpartition("@")[2]
        return f"<{hashlib.sha256(text.encode()).hexdigest()[:32]}@{host}>"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
