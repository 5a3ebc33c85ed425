"""A crowd that endorses, follows and takes it back while our server is killed, and what it was answered."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import aiohttp
from yarl import URL

from fedicause.fediverse import recognise
from fedicause.settings import Settings
from storage import actors
from tests import dialects, ours, signing
from tests.dialects import Document
from tests.fediverse import Server
from tests.people import Person, inbox_of, key_of
from tests.process import Process

Kind = Literal["endorsement", "subscription"]

KEYS: Final = 4
"""Making a key is slow: the crowd shares a few."""
AT_ONCE: Final = 16
KNOWN: Final = 600
MOSTLY_KNOWN: Final = 0.8
"""The share of those whom our server knows from before; the keys of the others it has to fetch."""
LEFT: Final = 0.3
"""How many of the requests that got no answer are not sent again."""
SCRIPTS: Final[tuple[Sequence[str], ...]] = (
    ("like",),
    ("like",),
    ("like",),
    ("like", "like"),
    ("like", "undo"),
    ("like", "undo", "like"),
    ("follow",),
    ("follow", "undo"),
)


@dataclass
class Word:
    """What somebody said to us, in however many requests; `is_answered`: one of them got its 202."""

    activity: Document
    kind: Kind
    present: bool
    is_answered: bool = False


@dataclass
class Neighbour(Person):
    """One of the crowd. Each request is signed a second after the one before it."""

    number: int = 0
    words: list[Word] = field(default_factory=list)
    seconds: Iterator[int] = field(default_factory=itertools.count)

    @property
    def key(self) -> signing.Key:
        return signing.Key(
            self.uri + self.server.dialect.key, key_of("rsa", f"the crowd's {self.number % KEYS}")
        )

    def word(self, verb: str, process: Process) -> Word:
        number = len(self.words) + 1
        last = self.words[-1] if self.words else None
        match verb:
            case "like":
                said = dialects.like(self.server.dialect, self.uri, process.note, number, at=self.moment())
                return Word(said, "endorsement", True)
            case "follow":
                said = self._activity("Follow", process.actor)
                return Word(said, "subscription", True)
            case _:
                assert last is not None
                said = dialects.undo(self.server.dialect, last.activity, number)
                return Word(said, last.kind, False)

    def moment(self) -> datetime:
        """The next second of this person's half hour, which ended a moment ago."""
        second = next(self.seconds)
        return self.server.world.clock.now() - timedelta(minutes=30) + timedelta(seconds=second)

    def may_be(self, kind: Kind) -> set[bool]:
        """What our register may say: the last word that was answered, or one without an answer since."""
        possible = {False}
        for word in self.words:
            if word.kind == kind:
                possible = {word.present} | (set() if word.is_answered else possible)
        return possible


class Crowd:
    """People who come one after another, `AT_ONCE` at a time, from these servers."""

    def __init__(self, process: Process, servers: Sequence[Server], chance: random.Random) -> None:
        self.people: list[Neighbour] = []
        self.waiting = 0
        """How many requests are under way."""
        self.answers = 0
        self.unanswered = 0
        self.other_answers: Counter[int] = Counter()
        self.is_over = False
        self._process = process
        self._chance = chance
        self._strangers = self._born(itertools.cycle(servers))
        self._known = list(itertools.islice(self._strangers, KNOWN))

    async def introduce(self, given: Settings) -> None:
        """Has our server know some of them, and their keys, from before."""
        async with ours.changing(given) as session:
            known = [recognise.describe(person.document) for person in self._known]
            await actors.remember(session, known, now())

    async def live(self) -> None:
        """Until `is_over`; whoever speaks then still finishes, and waits for an answer."""
        async with (
            aiohttp.ClientSession(
                skip_auto_headers=["User-Agent", "Content-Type", "Accept-Encoding"],
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=60),
            ) as session,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(AT_ONCE):
                group.create_task(self._come_and_go(session))

    @property
    def answered(self) -> list[Word]:
        return [word for person in self.people for word in person.words if word.is_answered]

    @property
    def follows(self) -> set[str]:
        """The ids of the Follows that were answered with 202."""
        return {word.activity["id"] for word in self.answered if word.activity["type"] == "Follow"}

    @property
    def accepted(self) -> set[str]:
        """The ids of the Follows that our server has accepted, as their servers heard."""
        servers = {id(person.server): person.server for person in self.people}.values()
        received = [activity for server in servers for activity in server.received]
        return {each["object"]["id"] for each in received if each["type"] == "Accept"}

    async def _come_and_go(self, session: aiohttp.ClientSession) -> None:
        while not self.is_over:
            person = self._newcomer()
            for verb in self._chance.choice(SCRIPTS):
                if not self.is_over:
                    await self._say(session, person, person.word(verb, self._process))

    def _newcomer(self) -> Neighbour:
        is_known = self._known and self._chance.random() < MOSTLY_KNOWN
        person = self._known.pop() if is_known else next(self._strangers)
        self.people.append(person)
        person.publish()
        return person

    def _born(self, servers: Iterator[Server]) -> Iterator[Neighbour]:
        for number, server in enumerate(servers):
            name = f"p{number}"
            path = server.dialect.actor_path.format(name=name, number=number, host=server.host)
            yield Neighbour(server, name, server.base + path, server.dialect.scheme, "rsa", number=number)

    async def _say(self, session: aiohttp.ClientSession, person: Neighbour, word: Word) -> None:
        person.words.append(word)
        shared = word.present and person.server.dialect.likes_to == "shared"
        inbox = inbox_of(word.activity, None if shared else self._process.actor, self._process.url)
        request: signing.Request | None = None
        while not word.is_answered:
            request = request or person.signed(word.activity, inbox, at=person.moment())
            try:
                status = await self._send(session, request)
            except aiohttp.ClientConnectorError:
                # Nobody listens: this has not been heard.
                await asyncio.sleep(0.05)
            except aiohttp.ClientError:
                self.unanswered += 1
                if self._chance.random() < LEFT:
                    return
                request = None
            else:
                self.answers += 1
                word.is_answered = status == 202
                if not word.is_answered:
                    self.other_answers[status] += 1
                    return

    async def _send(self, session: aiohttp.ClientSession, request: signing.Request) -> int:
        self.waiting += 1
        try:
            async with session.post(
                URL(request.url, encoded=True), headers=request.headers, data=request.body
            ) as response:
                await response.read()
                return response.status
        finally:
            self.waiting -= 1


def now() -> datetime:
    """The time by which the server that is killed lives too."""
    return datetime.now(UTC)
