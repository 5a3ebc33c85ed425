"""A mail server on loopback that takes letters, or answers as it is told."""

import asyncio
import email
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PASSWORD = "w p:d/@"
TAKEN = "250 OK"


@dataclass(frozen=True)
class Arrived:
    """A message as it came, with its envelope."""

    return_path: str
    to: str
    raw: bytes
    is_encrypted: bool

    @cached_property
    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def part(self, subtype: str) -> str:
        """The words of its text or its HTML."""
        body = self.message.get_body((subtype,))
        assert body is not None
        content: str = body.get_content()
        return content.replace("\r\n", "\n")


class Postbox:
    """What arrived, and what is answered: to a command by its name, or to an address."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.connections = 0
        self.open = 0
        self.most_at_once = 0
        self.most_allowed: int | None = None
        self.answers: dict[str, str] = {}
        self.holding: asyncio.Event | None = None
        """While it is there and not set, no message is answered for."""
        self.read = asyncio.Event()
        self.breaking: set[str] = set()
        """Addresses at whose messages the connection breaks."""
        self.swallowing: set[str] = set()
        """Addresses whose messages are taken, though the connection breaks before that is said."""
        self.port = 0
        self.logins: list[str] = []

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def addressees(self) -> list[str]:
        return [each.to for each in self.arrived]

    # The names are aiosmtpd's.

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.answers.get("MAIL", TAKEN)
        if answer == TAKEN:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.answers.get(address, TAKEN)
        if answer == TAKEN:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.read.set()
        if self.holding is not None:
            await self.holding.wait()
        answer = self.answers.get("DATA", TAKEN)
        if self.breaking & set(envelope.rcpt_tos):
            assert server.transport is not None
            server.transport.close()
        elif answer == TAKEN:
            assert isinstance(envelope.content, bytes)
            (to,) = envelope.rcpt_tos
            self.arrived.append(
                Arrived(envelope.mail_from or "", to, envelope.content, session.ssl is not None)
            )
            if to in self.swallowing:
                assert server.transport is not None
                server.transport.close()
        return answer

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


class _Counted(SMTP):
    """Counts its connections."""

    def __init__(self, postbox: Postbox, **options: Any) -> None:
        super().__init__(postbox, enable_SMTPUTF8=True, hostname="post.test", ident="post", **options)
        self._postbox = postbox

    def connection_made(self, transport: Any) -> None:
        postbox = self._postbox
        if self.transport is None:
            postbox.connections += 1
            postbox.open += 1
            postbox.most_at_once = max(postbox.most_at_once, postbox.open)
        if postbox.most_allowed is not None and postbox.open > postbox.most_allowed:
            transport.write(b"421 too many connections\r\n")
            transport.close()
            postbox.open -= 1
            return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self.session is not None:
            self._postbox.open -= 1
        super().connection_lost(error)


@asynccontextmanager
async def open_postbox(
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    logins: bool = False,
    port: int = 0,
    postbox: Postbox | None = None,
) -> AsyncIterator[Postbox]:
    """A mail server at a port of 127.0.0.1."""
    loop = asyncio.get_running_loop()
    postbox = postbox or Postbox()
    options: dict[str, Any] = {"tls_context": starttls}
    if logins:
        options |= {
            "authenticator": postbox.authenticate,
            "auth_required": starttls is not None,
            "auth_require_tls": starttls is not None,
        }
    server = await loop.create_server(
        lambda: _Counted(postbox, **options), "127.0.0.1", port or postbox.port, ssl=tls
    )
    postbox.port = server.sockets[0].getsockname()[1]
    try:
        yield postbox
    finally:
        server.close()
        await server.wait_closed()


def certificate(directory: Path) -> ssl.SSLContext:
    """A server's context with a certificate that it made itself, as Debian's Postfix has."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "post.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = directory / "post.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context
