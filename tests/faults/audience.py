"""Followers' inboxes on servers that are quick, slow, busy at first, or dead; and what each of them took."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fedicause import sign
from fedicause.settings import Settings
from fedicause.sign import Word
from storage import actors, local_actors
from storage.actors import Description
from storage.columns import to_milliseconds
from storage.registers import Key
from tests import ours
from tests.inboxes import Listener, Said

# The address of nobody: connections to it are refused.
NOBODY = "127.0.0.1:9"


@dataclass
class Host:
    """One server with so many inboxes; `is_busy` says of its n-th request whether that gets a 503."""

    inboxes: int
    delay: float = 0.0
    is_busy: Callable[[int], bool] = lambda _: False
    listener: Listener = field(default_factory=Listener)
    taken: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """What was not turned away, in order: inbox and activity."""

    def __post_init__(self) -> None:
        self.listener.delay = self.delay
        self.listener.answer = self._answer

    @property
    def addresses(self) -> list[str]:
        return [self.listener.inbox(f"users/f{number}/inbox") for number in range(self.inboxes)]

    def _answer(self, path: str) -> Said:
        if self.is_busy(len(self.listener.received)):
            return Said(503)
        activity = json.loads(self.listener.received[-1].body or b"{}")
        self.taken.append((self.listener.inbox(path.removeprefix("/")), activity))
        return Said()


class Audience:
    """All the followers that there are from the beginning."""

    def __init__(self) -> None:
        self.slow = [Host(10, delay=0.2), Host(10, delay=0.2)]
        self.hosts = [
            Host(20),
            Host(20),
            *self.slow,
            # One that is just starting, and one that is busy now and then in the beginning.
            Host(4, is_busy=lambda number: number <= 4),
            Host(6, is_busy=lambda number: number % 5 == 0 and number < 50),
        ]

    @property
    def under_way(self) -> int:
        """How many deliveries are being taken just now, on the slow servers."""
        return sum(host.listener.at_once for host in self.slow)

    @property
    def addresses(self) -> list[str]:
        """The inboxes that can be reached."""
        return [inbox for host in self.hosts for inbox in host.addresses]

    def taken(self) -> Counter[tuple[str, str]]:
        """How often each inbox took each activity: by (inbox, activity id)."""
        return Counter((inbox, activity["id"]) for host in self.hosts for inbox, activity in host.taken)

    def heard(self) -> dict[str, list[str]]:
        """The ids of the Notes that each inbox got: each once, in the order in which they came."""
        notes: dict[str, dict[str, None]] = {inbox: {} for inbox in self.addresses}
        for host in self.hosts:
            for inbox, activity in host.taken:
                if activity["type"] == "Create":
                    notes[inbox].setdefault(activity["object"]["id"])
        return {inbox: list(ids) for inbox, ids in notes.items()}

    async def follow(self, given: Settings, *, now: datetime) -> None:
        """Has somebody at each inbox follow the campaign, and a few whose server is gone."""
        nobody = [f"http://{NOBODY}/users/f{number}/inbox" for number in range(4)]
        await follow(given, self.addresses + nobody, now=now)


async def follow(given: Settings, inboxes: Sequence[str], *, now: datetime) -> None:
    """Has whoever is at these inboxes follow the campaign."""
    async with ours.changing(given) as session:
        forest = await local_actors.by_name(session, "forest")
        assert forest is not None
        known = await actors.remember(session, [_follower(inbox) for inbox in inboxes], now)
        words = [
            Word(
                each.id,
                each.host_id,
                Key(forest.id, "subscription", each.id),
                True,
                to_milliseconds(now),
                f"{each.uri}#follow",
            )
            for each in known.values()
        ]
        await sign.hear(session, words, now=now, wave=None)


@asynccontextmanager
async def listening() -> AsyncIterator[Audience]:
    """The audience with its servers."""
    audience = Audience()
    for host in audience.hosts:
        await host.listener.start()
    try:
        yield audience
    finally:
        for host in audience.hosts:
            await host.listener.stop()


def _follower(inbox: str) -> Description:
    uri = inbox.removesuffix("/inbox")
    return Description(
        uri=uri,
        host=uri.split("/")[2],
        type="Person",
        handle=uri.rpartition("/")[2],
        name="",
        url=None,
        inbox=inbox,
        shared_inbox=None,
        moved_to=None,
        keys=(),
    )
