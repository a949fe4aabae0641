"""TLS before a server that has none, as a proxy in front of Temporal would have it."""

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Identity:
    """A certificate that vouches for itself, and its key, as PEM."""

    certificate: bytes
    key: bytes


def make_identity(name: str) -> Identity:
    key, whose = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(whose)
        .issuer_name(whose)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Identity(
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, SETTINGS, PING = 1, 4, 6
ENDS, ACKNOWLEDGES = 0x5, 0x1


def frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    """A frame of HTTP/2 (RFC 9113, 4.1)."""
    return len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + content


async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: int) -> None:
    """Answer each call with a status of gRPC alone, in one block of headers that ends it."""
    said = [(b"content-type", b"application/grpc"), (b"grpc-status", str(status).encode())]
    # `:status: 200` is in the table of HPACK; the others are spelled (RFC 7541, 6.2.2).
    block = b"\x88" + b"".join(b"\0" + bytes([len(n)]) + n + bytes([len(v)]) + v for n, v in said)
    await reader.readexactly(len(PREFACE))
    writer.write(frame(SETTINGS, 0, 0))
    while True:
        head = await reader.readexactly(9)
        content = await reader.readexactly(int.from_bytes(head[:3], "big"))
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        if kind == HEADERS:
            writer.write(frame(HEADERS, ENDS, stream, block))
        elif kind in (SETTINGS, PING) and not flags & ACKNOWLEDGES:
            writer.write(frame(kind, ACKNOWLEDGES, 0, content if kind == PING else b""))
        await writer.drain()


@contextlib.asynccontextmanager
async def behind_tls(
    port: int, server: Identity, directory: Path, *, only: Identity | None = None, others: int | None = None
) -> AsyncIterator[int]:
    """Serve what answers on a port by TLS on another one; to ``only`` who has this certificate, where it is given. All
    calls of ``others`` are answered with this status of gRPC, as by an authorizer; without it their handshake fails."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain = directory / "server.pem"
    chain.write_bytes(server.certificate + server.key)
    context.load_cert_chain(chain)
    context.set_alpn_protocols(["h2"])
    if only is not None:
        context.verify_mode = ssl.CERT_REQUIRED if others is None else ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=only.certificate.decode())

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if others is not None and not writer.get_extra_info("peercert"):
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                await answer_all(reader, writer, others)
            writer.close()
            return
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))

    serving = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield serving.sockets[0].getsockname()[1]
    finally:
        serving.close()
