"""Real servers on loopback that answer what a test tells them and remember what they were asked."""

import json
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any, Self

from aiohttp import abc, web
from aiohttp.connector import AddrInfoType
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from federation import addresses, httpsig, keys, vocabulary

ACTOR = "https://ours.test/actor"
KEY = keys.SigningKey(f"{ACTOR}#main-key", keys.generate_rsa())
JRD = "application/jrd+json"
WEBFINGER = "/.well-known/webfinger"
AGENT = "fedicause/0 (+https://ours.test/)"

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    raw: httpsig.Request


class Peer:
    """A server under a name of its own; whatever it has no answer for is 404."""

    def __init__(self, name: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        self.seen: list[Seen] = []
        self._answers: dict[str, Answering] = {}
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def authority(self) -> str:
        return f"{self.name}:{self.port}"

    def url(self, path: str) -> str:
        return f"{'https' if self._tls else 'http'}://{self.authority}{path}"

    @property
    def targets(self) -> list[str]:
        return [each.target for each in self.seen]

    def answer(self, path: str, answering: Answering) -> None:
        self._answers[path] = answering

    def serve(
        self,
        path: str,
        data: Any,
        *,
        status: int = 200,
        media_type: str = vocabulary.ACTIVITY_JSON,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Answer a path with JSON, or with bytes as they are."""
        body = data if isinstance(data, bytes) else json.dumps(data).encode()

        async def answering(_: web.Request) -> web.Response:
            return web.Response(
                body=body, status=status, headers={"Content-Type": media_type, **(headers or {})}
            )

        self.answer(path, answering)

    def document(self, path: str, **more: Any) -> str:
        """Serve a Note under its own id; returns the id."""
        self.serve(path, {"id": self.url(path), "type": "Note", **more})
        return self.url(path)

    def redirect(self, path: str, to: str, *, status: int = 302) -> None:
        self.serve(path, b"", status=status, headers={"Location": to})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(
            Seen(
                request.method,
                request.path_qs,
                {name.lower(): value for name, value in request.headers.items()},
                body,
                id(request.transport),
                httpsig.Request(request.method, request.raw_path, tuple(request.headers.items()), body),
            )
        )
        answering = self._answers.get(request.path)
        return await answering(request) if answering else web.Response(status=404)


def finger(peer: Peer, answers: dict[str, dict[str, Any]]) -> None:
    """Let a peer answer WebFinger: by resource, else 404."""

    async def answering(request: web.Request) -> web.Response:
        found = answers.get(request.query["resource"])
        return web.Response(status=404) if found is None else web.json_response(found, content_type=JRD)

    peer.answer(WEBFINGER, answering)


def descriptor(subject: str, actor: str, *more: dict[str, Any]) -> dict[str, Any]:
    links = [{"rel": "self", "type": vocabulary.ACTIVITY_JSON, "href": actor}, *more]
    return {"subject": subject, "links": links}


async def signer_of(seen: Seen, peer: Peer, now: datetime) -> str:
    """Which of our actors truly signed what a peer has seen; Forged if none has."""

    async def key_for(key_id: str, *, fresh: bool) -> keys.Key:
        return keys.Key(key_id, key_id.removesuffix("#main-key"), KEY.private.public_key())

    signer = await httpsig.verify(seen.raw, base_url=peer.url(""), key_for=key_for, now=now)
    return signer.actor


class Names(abc.AbstractResolver):
    """A DNS of the test's own: the answers to each look-up of a name in turn, the last one for good."""

    def __init__(self, names: dict[str, list[list[str]]]) -> None:
        self.names = names
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[abc.ResolveResult]:
        self.asked.append(host)
        turns = self.names.get(host)
        if not turns:
            raise OSError(f"no such name: {host}")
        answer = turns.pop(0) if len(turns) > 1 else turns[0]
        return [
            abc.ResolveResult(
                hostname=host,
                host=each,
                port=port,
                family=socket.AF_INET6 if ":" in each else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for each in answer
        ]

    async def close(self) -> None:
        pass


class Internet:
    """Public addresses that are servers of the test: each is truly checked, then reached another way."""

    def __init__(self) -> None:
        self._ports: dict[str, int] = {}
        self.dialled: list[str] = []

    def host(self, address: str, peer: Peer) -> None:
        self._ports[address] = peer.port

    def dial(self, address: AddrInfoType) -> socket.socket:
        addresses.dial(address).close()
        # What passed is where we would really have gone.
        asked = str(address[4][0])
        self.dialled.append(asked)
        assert asked in self._ports, f"{asked} was dialled, where nobody is"
        return _Elsewhere(address, self._ports[asked])


class _Elsewhere(socket.socket):
    def __init__(self, address: AddrInfoType, port: int) -> None:
        super().__init__(address[0], address[1], address[2])
        self._port = port

    def connect(self, _: Any) -> None:
        super().connect(("127.0.0.1", self._port))


class Authority:
    """A certificate authority for servers of the test."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
        self._certificate = self._sign(self._name, self._key.public_key(), names=None)

    @property
    def pem(self) -> str:
        """The certificate that others are to trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def client(self) -> ssl.SSLContext:
        """What trusts this authority and no other."""
        return ssl.create_default_context(cadata=self.pem)

    def server(self, name: str, directory: Any, *, days: tuple[int, int] = (-1, 1)) -> ssl.SSLContext:
        """A server's context for a host name or address; its files go into `directory`.

        The certificate is valid from so many days from now to so many.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key.public_key(), names=name, days=days)
        path = directory / f"{name}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        names: str | None,
        days: tuple[int, int] = (-1, 1),
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) + timedelta(days=days[0]))
            .not_valid_after(datetime.now(UTC) + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
        if names is None:
            usage = x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        else:
            alternative: x509.GeneralName
            try:
                alternative = x509.IPAddress(ip_address(names))
            except ValueError:
                alternative = x509.DNSName(names)
            builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        return builder.sign(self._key, hashes.SHA256())
