"""A server on the loopback that answers by script, byte for byte, and breaks where it is told to.

Each request takes the next script, and the last script is for all that follow. A script is a
list of steps: bytes to send, or one of the things below. After the last step the connection is
closed in order.
"""

import asyncio
import datetime
import ipaddress
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = [
    "HANG",
    "KEEP",
    "LAST_CHUNK",
    "RESET",
    "Drip",
    "FaultServer",
    "Script",
    "chunk",
    "closed_port",
    "serving",
]

LAST_CHUNK = b"0\r\n\r\n"

_TLS_MARK = b"\x16"


class _Reset:
    """The connection is torn down: the other side reads an error and no end."""


class _Hang:
    """Nothing more is said, until the other side goes away."""


class _Keep:
    """The answer is whole: the connection waits for the next request."""


RESET, HANG, KEEP = _Reset(), _Hang(), _Keep()


@dataclass(frozen=True)
class Drip:
    """The same bytes again and again, until the other side goes away."""

    piece: bytes
    every_s: float


Step: TypeAlias = bytes | Drip | _Reset | _Hang | _Keep
Script: TypeAlias = Sequence[Step]


@dataclass
class FaultServer:
    """What was asked, and how it is answered. `gone` counts the clients that went away first."""

    scripts: Sequence[Script]
    scheme: str = "http"
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            self.gone.set()
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether another one may follow."""
        first = await reader.readexactly(1)
        if first == _TLS_MARK:  # as every server does that has no TLS
            writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
            return False
        head = first + await reader.readuntil(b"\r\n\r\n")
        lengths = [
            int(line.partition(b":")[2])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        ]
        self.requests.append(head + await reader.readexactly(sum(lengths)))
        script = self.scripts[min(len(self.requests), len(self.scripts)) - 1]
        for step in script:
            if step is KEEP:
                return True
            await self._play(step, reader, writer)
        return False

    async def _play(
        self, step: Step, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        match step:
            case bytes():
                writer.write(step)
                await writer.drain()
            case Drip():
                while not reader.at_eof():
                    writer.write(step.piece)
                    await writer.drain()
                    await asyncio.sleep(step.every_s)
            case _Reset():
                await asyncio.sleep(0)
                at_once = struct.pack("ii", 1, 0)
                connection = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
                writer.transport.abort()
                raise ConnectionResetError
            case _Hang():
                await reader.readexactly(1)


@asynccontextmanager
async def serving(*scripts: Script, certificate: Path | None = None) -> AsyncIterator[FaultServer]:
    """A server with these scripts; with a directory for its self-signed `certificate` over TLS."""
    context = _tls(certificate) if certificate else None
    server = FaultServer(scripts, scheme="https" if certificate else "http")
    listener = await asyncio.start_server(server.answer, "127.0.0.1", 0, ssl=context)
    try:
        server.port = listener.sockets[0].getsockname()[1]
        yield server
    finally:
        listener.close()


def chunk(body: bytes) -> bytes:
    """A piece of a body whose length nobody knows yet."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _tls(directory: Path) -> ssl.SSLContext:
    """A certificate that nobody has reason to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = directory / "self_signed.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
