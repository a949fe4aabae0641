"""Sends messages as e-mail."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias
from unicodedata import category

import aiosmtplib

from activities.notices.channels import ACCEPTED, AttemptOutcome, Channel, OutgoingMessage

Security: TypeAlias = Literal["starttls", "tls", "none"]
REFERENCE: Final = "X-Message-Reference"
"""The header that has a message's id once more: some relays give messages a Message-ID of their own, and leave other
headers as they are."""
PERMANENT = 500
"""From this answer on a server refuses for good (RFC 5321, 4.2.1)."""


@dataclass(frozen=True)
class SmtpServer:
    """The server that takes e-mail: ``sender`` is the address messages come from, ``seconds`` how long one may take."""

    host: str
    port: int
    sender: str
    security: Security = "starttls"
    user: str | None = None
    password: str | None = field(repr=False, default=None)
    ca_file: Path | None = None
    seconds: float = 15


def by_email(server: SmtpServer) -> Channel:
    """Return the channel that sends by this server. Where encryption is asked for and the server offers none, or shows
    a certificate that nobody trusts, nothing is sent.

    What the server answers after a message may be lost: then it is sent again, under the same Message-ID.
    """
    tls = None if server.security == "none" else ssl.create_default_context(cafile=server.ca_file)

    async def send(message: OutgoingMessage) -> AttemptOutcome:
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            timeout=server.seconds,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=tls,
        )
        try:
            async with asyncio.timeout(server.seconds):
                await client.connect()
                await client.sendmail(server.sender, [message.address], compose(message, server.sender).as_bytes())
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return _refused(refused.recipients[0].code)
        except aiosmtplib.SMTPDataError as refused:
            return _refused(refused.code)
        except aiosmtplib.SMTPResponseException as refused:
            # Of who sends, not of who receives: another day it may be taken.
            return AttemptOutcome("deferred", str(refused.code))
        except (aiosmtplib.SMTPException, TimeoutError, OSError, ValueError) as problem:
            return AttemptOutcome("deferred", type(problem).__name__)
        finally:
            with suppress(Exception):
                client.close()
        return ACCEPTED

    return send


def _in_one_line(text: str) -> str:
    """Return a text that is one line of a header, whoever reads it. What looks like an encoded word is one no more: the
    library would decode it, and believe the line ends in it."""
    kept = "".join(" " if category(each)[0] == "C" or category(each) in ("Zl", "Zp") else each for each in text)
    return kept.replace("=?", "= ?")


def _refused(code: int) -> AttemptOutcome:
    return AttemptOutcome("bounced" if code >= PERMANENT else "deferred", str(code))


def compose(message: OutgoingMessage, sender: str) -> EmailMessage:
    """Return a message as it is sent.

    Raises:
        ValueError: the address would make a header of its own.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = sender, message.address, _in_one_line(message.subject)
    mail["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2]}>"
    mail[REFERENCE] = message.id
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Auto-Submitted"] = "auto-generated"
    if message.alarm:
        mail["Importance"] = "high"
    mail.set_content(message.text)
    for file in message.calendar:
        content = file.content.decode()
        mail.add_attachment(content, subtype="calendar", params={"method": file.method}, filename="appointment.ics")
    return mail
