"""A real SMTP server in the place of the clinic's: it takes what comes, or does as it is told."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from activities.notices.smtp import SmtpServer
from tests.helpers import eventually

HANG = "hang"
TAKEN = "250 taken"


@dataclass
class Mailbox:
    """What was sent here. ``answers`` are those to the next messages, ``recipients`` those to their recipients; after
    those it takes everything. ``hang`` says nothing after a message until it is let go."""

    port: int = 0
    sent: list[bytes] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_RCPT(  # noqa: N802 - the name that the server calls
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        answer = self.recipients.pop(0) if self.recipients else TAKEN
        if answer == TAKEN:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.original_content, bytes)
        assert server.transport is not None
        self.sent.append(envelope.original_content)
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        answer = self.answers.pop(0) if self.answers else TAKEN
        if answer == HANG:
            await self.let_go.wait()
        return TAKEN if answer == HANG else answer

    @property
    def mails(self) -> list[EmailMessage]:
        """The messages, whatever became of them."""
        return [message_from_bytes(each, policy=POLICY) for each in self.sent]

    @property
    def ids(self) -> list[str]:
        return [str(mail["Message-ID"]) for mail in self.mails]

    async def received(self, count: int = 1) -> list[EmailMessage]:
        """Wait until so many messages have come."""

        async def enough() -> bool:
            return len(self.sent) >= count

        await eventually(enough)
        return self.mails

    def server(self, **changed: Any) -> SmtpServer:
        """What a worker sends here with."""
        given = {"host": "127.0.0.1", "port": self.port, "sender": "messages@clinic.example", "security": "none"}
        return SmtpServer(**{**given, "seconds": 5, **changed})


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None, *, at_once: bool = False) -> AsyncIterator[Mailbox]:
    """A server that listens on a port of this machine. With ``tls`` it takes nothing in clear: from the first byte on
    where ``at_once``, and otherwise after STARTTLS."""
    mailbox = Mailbox()
    later = None if at_once else tls

    def protocol() -> SMTP:
        return SMTP(mailbox, hostname="mail.example", tls_context=later, require_starttls=later is not None)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls if at_once else None)
    async with _listening(server, mailbox):
        yield mailbox


@asynccontextmanager
async def _listening(server: asyncio.Server, mailbox: Mailbox) -> AsyncIterator[None]:
    """Say in the mailbox at which port its server listens; at the end let go of whoever still waits for it."""
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        mailbox.let_go.set()
        server.close()


STEPS = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "message")
"""What a mail server answers to, one after the other."""


@asynccontextmanager
async def breaking(step: str, answer: str) -> AsyncIterator[Mailbox]:
    """A server that answers a step of the first connection with this, or with nothing where it is to `HANG`, and closes
    the connection; and takes everything by the next ones."""
    mailbox = Mailbox()
    left = [step]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        breaks, at, message = left.pop() if left else "", "greeting", b""
        while True:
            if at == breaks:
                if answer == HANG:
                    await mailbox.let_go.wait()
                writer.write(f"{answer}\r\n".encode() if answer not in ("", HANG) else b"")
                break
            writer.write({"greeting": b"220 here\r\n", "DATA": b"354 go on\r\n"}.get(at, b"250 taken\r\n"))
            if at == "message":
                mailbox.sent.append(message.removesuffix(b".\r\n"))
            if at == "DATA":
                message = await reader.readuntil(b"\r\n.\r\n")
                at = "message"
                continue
            line = (await reader.readline()).decode()
            if line[:4].upper().strip() in ("", "QUIT"):
                break
            at = line[:4].upper()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with _listening(server, mailbox):
        yield mailbox


def make_certificate(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate of this machine that nobody knows, and return its file and what a server uses it with."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = directory / "server.pem", directory / "server.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, private)
    return certificate, context
