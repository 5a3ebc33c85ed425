"""People on other servers who endorse, follow, reply and take it back; and what they were told of it."""

import asyncio
import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from bench.soak.caller import Caller
from bench.soak.peers import Peers
from federation import httpsig, keys
from storage.columns import EPOCH

KEYS: Final = 8
AT_ONCE: Final = 12
PAUSE: Final = (0.02, 0.25)
AGAIN_AFTER: Final = (0.3, 1.2)
GIVEN_UP: Final = 0.1
"""The share of requests without an answer that are not sent again."""
_AS2: Final = "https://www.w3.org/ns/activitystreams"


@cache
def _private(number: int) -> Any:
    return keys.generate_rsa()


@dataclass
class Word:
    kind: str
    present: bool
    activity: dict[str, Any]
    is_answered: bool = False


@dataclass
class Person:
    number: int
    uri: str
    words: list[Word] = field(default_factory=list)
    signed_at: datetime = EPOCH
    is_busy: bool = False

    @property
    def inbox(self) -> str:
        return f"{self.uri}/inbox"

    @property
    def key(self) -> keys.SigningKey:
        return keys.SigningKey(f"{self.uri}#main-key", _private(self.number % KEYS))

    def document(self) -> dict[str, Any]:
        return {
            "@context": [_AS2, "https://w3id.org/security/v1"],
            "id": self.uri,
            "type": "Person",
            "preferredUsername": self.uri.rpartition("/")[2],
            "inbox": self.inbox,
            "publicKey": {
                "id": f"{self.uri}#main-key",
                "owner": self.uri,
                "publicKeyPem": keys.public_pem(self.key.private.public_key()),
            },
        }

    def may_be(self, kind: str) -> set[bool]:
        """What may be true in the end: the last word that was answered, or one without an answer since."""
        possible = {False}
        for word in self.words:
            if word.kind == kind:
                possible = {word.present} | (set() if word.is_answered else possible)
        return possible

    def moment(self) -> datetime:
        """When the next request is signed: each a second after the one before, as order is told by that."""
        self.signed_at = max(datetime.now(UTC).replace(microsecond=0), self.signed_at + timedelta(seconds=1))
        return self.signed_at


class People:
    """All of them. The `listeners` follow from the start and never take it back."""

    def __init__(
        self, caller: Caller, peers: Peers, chance: random.Random, number: int, listeners: int
    ) -> None:
        self._caller = caller
        self._chance = chance
        self._numbers: Iterator[int] = itertools.count(1)
        self.actor = f"{caller.url}/actors/call0"
        self.note = f"{caller.url}/campaigns/call0"
        everybody = []
        for each in range(number + listeners):
            origin = peers.origins[each % len(peers.origins)]
            everybody.append(Person(each, f"{origin}/users/u{each}"))
            peers.documents[everybody[-1].uri] = everybody[-1].document()
        self.people: Sequence[Person] = everybody[:number]
        self.listeners: Sequence[Person] = everybody[number:]
        self.is_over = False
        self.unexpected: list[tuple[str, int, str]] = []

    @property
    def everybody(self) -> list[Person]:
        return [*self.people, *self.listeners]

    async def listen(self) -> None:
        turn = asyncio.Semaphore(8)

        async def follow(person: Person) -> None:
            async with turn:
                await self._say(person, self._word(person, "follow"), is_patient=True)

        await asyncio.gather(*(follow(each) for each in self.listeners))

    async def live(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._come_and_go())

    async def _come_and_go(self) -> None:
        while not self.is_over:
            person = self._chance.choice(self.people)
            if person.is_busy:
                await asyncio.sleep(0)
                continue
            person.is_busy = True
            try:
                await self._say(person, self._word(person, self._next(person)))
            finally:
                person.is_busy = False
            await asyncio.sleep(self._chance.uniform(*PAUSE))

    def _next(self, person: Person) -> str:
        if self._chance.random() < 0.1:
            return "reply"
        kind, verb = self._chance.choice([("endorsement", "like")] * 3 + [("subscription", "follow")])
        last = next((word for word in reversed(person.words) if word.kind == kind), None)
        return f"undo {verb}" if last is not None and last.present and self._chance.random() < 0.6 else verb

    def _word(self, person: Person, verb: str) -> Word:
        number = next(self._numbers)
        head: dict[str, Any] = {
            "@context": _AS2,
            "id": f"{person.uri}/acts/{number}",
            "actor": person.uri,
        }
        if verb == "reply":
            note = {
                "id": f"{person.uri}/notes/{number}",
                "type": "Note",
                "attributedTo": person.uri,
                "inReplyTo": self.note,
                "content": f"<p>The oaks, number {number}.</p>",
                "to": [f"{_AS2}#Public"],
                "published": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            return Word(note["id"], True, head | {"type": "Create", "object": note, "to": note["to"]})
        kind = "endorsement" if verb.endswith("like") else "subscription"
        if verb.startswith("undo"):
            last = next(word for word in reversed(person.words) if word.kind == kind and word.present)
            said = {name: value for name, value in last.activity.items() if name != "@context"}
            return Word(kind, False, head | {"type": "Undo", "object": said})
        if verb == "like":
            return Word(kind, True, head | {"type": "Like", "object": self.note})
        return Word(kind, True, head | {"type": "Follow", "object": self.actor})

    async def _say(self, person: Person, word: Word, *, is_patient: bool = False) -> None:
        person.words.append(word)
        body = json.dumps(word.activity).encode()
        while True:
            headers = httpsig.sign(
                "cavage",
                method="POST",
                url=f"{self._caller.url}/inbox",
                key=person.key,
                now=person.moment(),
                body=body,
                content_type="application/activity+json",
            )
            status, said = await self._caller.call("inbox", "POST", "/inbox", headers=headers, body=body)
            if status == 202:
                word.is_answered = True
                return
            if 0 < status < 500 and status != 429:
                self.unexpected.append((word.activity["type"], status, said.decode(errors="replace")[:200]))
                return
            if not is_patient and self._chance.random() < GIVEN_UP:
                return
            await asyncio.sleep(self._chance.uniform(*AGAIN_AFTER))
