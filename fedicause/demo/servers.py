"""One simulated server as its people use it: where it is, what they posted, how it signs what they say."""

import json
import socket
from datetime import UTC, datetime
from typing import Final

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from yarl import URL

from federation import httpsig, keys, vocabulary
from fedicause.demo.dialects import Dialect, Document

PATIENCE: Final = aiohttp.ClientTimeout(total=20)


class Server:
    """A simulated server. It listens from the start, at this port of 127.0.0.1 if that is free."""

    def __init__(self, dialect: Dialect, port: int, session: aiohttp.ClientSession) -> None:
        self.dialect = dialect
        self.session = session
        self.posts: dict[str, Document] = {}
        """Replies by the address of their page."""
        self.listening = _listen(port)
        self.port = int(self.listening.getsockname()[1])

    @property
    def authority(self) -> str:
        return f"{self.dialect.host}.localhost:{self.port}"

    @property
    def base(self) -> str:
        return f"http://{self.authority}"

    async def post(self, inbox: str, activity: Document, key: keys.SigningKey) -> int:
        """Sends an activity, truly signed; gives the status of the answer, 0 for none."""
        body = json.dumps(activity, ensure_ascii=False).encode()
        signed = httpsig.sign(
            scheme(key),
            method="POST",
            url=inbox,
            key=key,
            now=datetime.now(UTC),
            body=body,
            content_type=vocabulary.ACTIVITY_JSON,
        )
        url = URL(inbox, encoded=True)
        signed["User-Agent"] = f"{self.dialect.software}/{self.dialect.version} (+{self.base}/)"
        try:
            async with self.session.post(url, data=body, headers=signed, timeout=PATIENCE) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0


def scheme(key: keys.SigningKey) -> httpsig.Scheme:
    """What a key's server signs by."""
    return "rfc9421" if isinstance(key.private, Ed25519PrivateKey) else "cavage"


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=128)
    except (OSError, OverflowError):
        return socket.create_server(("127.0.0.1", 0), backlog=128)
