"""The people of the simulated servers: who they are, where they live, and what they can say."""

import asyncio
import itertools
import random
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Final

import yaml
from msgspec import Struct, field

from federation import keys
from fedicause.demo import dialects
from fedicause.demo.dialects import Dialect, Document
from fedicause.demo.servers import Server

CAST: Final[dict[str, Any]] = yaml.safe_load(
    resources.files("fedicause.demo").joinpath("cast.yaml").read_text(encoding="utf-8")
)


class Cause(Struct, frozen=True):
    """A campaign as other servers know it: read from its documents. `appeal` is whom it moves, 0 to 1."""

    slug: str
    note: str
    actor: str
    inbox: str
    shared_inbox: str
    appeal: float


class Person(Struct, eq=False):
    """Somebody with an account on a simulated server; their key is made when they first need it."""

    number: int
    user: str
    name: str
    language: str
    server: Server
    key: keys.SigningKey | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    liked: dict[str, Document] = field(default_factory=dict)
    """What endorses, by the slug of its cause."""
    _said: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def uri(self) -> str:
        path = self.server.dialect.actor_path.format(name=self.user, number=self.number)
        return f"{self.server.base}{path}"

    @property
    def handle(self) -> str:
        return f"@{self.user}@{self.server.authority}"

    @property
    def document(self) -> Document | None:
        """The actor as it is served; None before their first word."""
        if self.key is None:
            return None
        return dialects.actor(
            self.server.dialect,
            self.uri,
            base=self.server.base,
            user=self.user,
            name=self.name,
            key=self.key,
        )

    async def like(self, cause: Cause, emoji: str | None) -> int:
        """Endorses, in this server's way; gives the status of the answer, 0 for none."""
        dialect = self.server.dialect
        said = dialects.like(
            dialect, self.uri, note=cause.note, author=cause.actor, token=self._token(), emoji=emoji
        )
        if emoji not in dialects.ONLY_KIND:
            self.liked[cause.slug] = said
        return await self._tell(cause, said, shared=dialect.likes_to == "shared")

    async def unlike(self, cause: Cause) -> int:
        """Takes back; gives 0 as well if a visitor has done that before."""
        said = self.liked.pop(cause.slug, None)
        if said is None:
            return 0
        undone = dialects.undo(self.server.dialect, said, self._token())
        return await self._tell(cause, undone, shared=self.server.dialect.likes_to == "shared")

    async def share(self, cause: Cause) -> int:
        said = dialects.announce(self.uri, cause.note, cause.actor, self._token(), _now())
        return await self._tell(cause, said, shared=True)

    async def follow(self, cause: Cause) -> int:
        return await self._tell(cause, dialects.follow(self.uri, cause.actor, self._token()), shared=False)

    async def reply(self, cause: Cause, text: str, language: str) -> int:
        url = f"{self.server.base}/@{self.user}/{self._token()}"
        said = dialects.reply(
            self.uri,
            url=url,
            note=cause.note,
            author=cause.actor,
            text=f"<p>{text}</p>",
            language=language,
            at=_now(),
        )
        self.server.posts[url] = said["object"]
        return await self._tell(cause, said, shared=True)

    async def _tell(self, cause: Cause, activity: Document, *, shared: bool) -> int:
        inbox = cause.shared_inbox if shared else cause.inbox
        async with self.turn:
            if self.key is None:
                self.key = await new_key(self.server.dialect, self.uri)
            return await self.server.post(inbox, activity, self.key)

    def _token(self) -> str:
        return f"{self.number:04}{next(self._said):04}"


async def new_key(dialect: Dialect, uri: str) -> keys.SigningKey:
    """A key pair for an actor; RSA takes a tenth of a second, in a thread beside the event loop."""
    private: keys.PrivateKey
    if dialect.algorithm == "ed25519":
        private = keys.generate_ed25519()
    else:
        private = await asyncio.to_thread(keys.generate_rsa)
    return keys.SigningKey(f"{uri}{dialect.key}", private)


def populate(servers: Sequence[Server], number: int, chance: random.Random) -> list[Person]:
    """So many people, each on one of the servers, no two with the same user name."""
    languages = CAST["languages"]
    weights = [languages[code]["weight"] for code in languages]
    shares = [server.dialect.share for server in servers]
    people: list[Person] = []
    used: set[str] = set()
    for index in range(1, number + 1):
        code = chance.choices([*languages], weights)[0]
        server = chance.choices(servers, shares)[0]
        name = f"{chance.choice(languages[code]['first'])} {chance.choice(languages[code]['last'])}"
        user = _user(name, used, index)
        used.add(user)
        people.append(Person(index, user, name, code, server))
    return people


def _user(name: str, used: set[str], index: int) -> str:
    """A short user name in plain letters: `elena`, then `elena_ferri`, then one with a number."""
    plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    first, _, last = plain.partition(" ")
    last = last.replace(" ", "")
    for candidate in (first, f"{first}_{last}"):
        if candidate not in used:
            return candidate
    return f"{first}{index}"


def _now() -> datetime:
    return datetime.now(UTC)
