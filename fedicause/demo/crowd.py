"""What the people do, one after the other, at a pace that rises quickly and never quite stops."""

import asyncio
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from fedicause.demo import dialects
from fedicause.demo.people import CAST, Cause, Person

Deed = Literal["endorsed", "withdrew", "reacted", "shared", "followed", "replied"]

# How often each comes up, when it can.
WEIGHTS: Final[dict[Deed, float]] = {
    "endorsed": 70,
    "withdrew": 5,
    "reacted": 2,
    "shared": 10,
    "followed": 8,
    "replied": 4,
}
FIRST_ON_STAGE: Final = 12
# A person a deed or three: that many more can be seen.
DEEDS_PER_NEWCOMER: Final = 3
# What was said so many deeds ago has surely arrived, and may be taken back.
SETTLED: Final = 30
TIRED: Final = 1000
AT_ONCE: Final = 8
SHARING: Final = 0.2
FOLLOWING: Final = 0.25
REPLYING: Final = 0.5


class Act(Struct, frozen=True):
    """One person does one thing about one cause. `words` is an emoji or a reply, in `language`."""

    deed: Deed
    person: Person
    cause: Cause
    words: str | None = None
    language: str = "en"


class Crowd:
    """Decides who does what next: the same deeds in the same order for the same seed."""

    def __init__(self, people: Sequence[Person], causes: Sequence[Cause], seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311  # a play, which guards nothing
        self._people = people
        self._causes = causes
        self._count = 0
        self._inclined = {cause.slug: self._some(cause.appeal) for cause in causes}
        self._endorsed: list[tuple[int, Person, Cause]] = []
        self._sharing = {cause.slug: self._some(cause.appeal * SHARING) for cause in causes}
        self._following = {cause.slug: self._some(cause.appeal * FOLLOWING) for cause in causes}
        self._replying = {cause.slug: self._some(cause.appeal * REPLYING) for cause in causes}
        self._sayings = list(CAST["sayings"])
        self._chance.shuffle(self._sayings)
        self._advertisements = list(CAST["advertisements"])

    def __iter__(self) -> Iterator[Act]:
        """Endlessly, if there are enough people: who has withdrawn may endorse again."""
        idle = 0
        while idle < TIRED:
            act = self._next(self._chance.choices([*WEIGHTS], [*WEIGHTS.values()])[0])
            # Where nobody on stage has anything to do, time passes too: others come, what was said settles.
            self._count += 1
            idle = idle + 1 if act is None else 0
            if act is not None:
                yield act

    def pause(self) -> float:
        """Seconds until the next deed."""
        if self._count < 300:
            rate = 3.0 + 4.0 * min(1.0, self._count / 40)
        else:
            rate = 1.8 + 5.2 * math.exp(-(self._count - 300) / 150)
        rate *= min(max(len(self._people) / 200, 0.4), 5.0)
        return self._chance.expovariate(rate)

    def _some(self, part: float) -> list[Person]:
        return [person for person in self._people if self._chance.random() < part]

    def _next(self, deed: Deed) -> Act | None:
        match deed:
            case "endorsed":
                return self._endorse()
            case "withdrew":
                return self._withdraw()
            case "reacted":
                return self._react()
            case "shared":
                return self._once(deed, self._sharing)
            case "followed":
                return self._once(deed, self._following)
            case "replied":
                return self._reply()

    def _endorse(self) -> Act | None:
        found = self._take(self._inclined)
        if found is None:
            return None
        person, cause = found
        self._endorsed.append((self._count, person, cause))
        emoji = self._chance.choice(dialects.HEARTFELT) if person.server.dialect.reacts_by else None
        return Act("endorsed", person, cause, emoji)

    def _withdraw(self) -> Act | None:
        settled = [index for index, said in enumerate(self._endorsed) if said[0] < self._count - SETTLED]
        if not settled:
            return None
        _, person, cause = self._endorsed.pop(self._chance.choice(settled))
        self._inclined[cause.slug].append(person)
        return Act("withdrew", person, cause)

    def _react(self) -> Act | None:
        """With an emoji that is no endorsement, where software knows such."""
        able = [each for each in self._present(self._people) if each.server.dialect.reacts_by]
        if not able:
            return None
        person, cause = self._chance.choice(able), self._chance.choice(self._causes)
        return Act("reacted", person, cause, self._chance.choice(dialects.ONLY_KIND))

    def _once(self, deed: Deed, inclined: dict[str, list[Person]]) -> Act | None:
        found = self._take(inclined)
        return Act(deed, *found) if found else None

    def _reply(self) -> Act | None:
        if self._advertisements and self._count > 60 and self._chance.random() < 0.1:
            found = self._take(self._replying)
            return Act("replied", *found, self._advertisements.pop()) if found else None
        for index, saying in enumerate(self._sayings):
            slugs = [saying["about"]] if "about" in saying else [*self._replying]
            inclined = {
                slug: [each for each in self._replying[slug] if each.language == saying["language"]]
                for slug in slugs
                if slug in self._replying
            }
            found = self._take(inclined)
            if found is not None:
                del self._sayings[index]
                self._replying[found[1].slug].remove(found[0])
                return Act("replied", *found, saying["text"], saying["language"])
        return None

    def _take(self, inclined: dict[str, list[Person]]) -> tuple[Person, Cause] | None:
        """Somebody who is on stage and has not done it yet; causes with more appeal come first."""
        open_to = {slug: self._present(inclined.get(slug, [])) for slug in inclined}
        causes = [cause for cause in self._causes if open_to.get(cause.slug)]
        if not causes:
            return None
        weights = [cause.appeal * len(open_to[cause.slug]) ** 0.5 for cause in causes]
        cause = self._chance.choices(causes, weights)[0]
        person = self._chance.choice(open_to[cause.slug])
        inclined[cause.slug].remove(person)
        return person, cause

    def _present(self, people: Sequence[Person]) -> list[Person]:
        last = FIRST_ON_STAGE + self._count // DEEDS_PER_NEWCOMER
        return [person for person in people if person.number <= last]


async def play(
    crowd: Crowd, tell: Callable[[dict[str, Any]], None], *, shared: str, wave: asyncio.Event
) -> None:
    """Lets everybody act until cancelled; `tell` hears what was done, and how it was answered.

    What moves the total of the cause `shared` waits for the next wave: between waves it stands still, and
    whoever looks at several pages of it sees that they agree.
    """
    room = asyncio.Semaphore(AT_ONCE)
    loop = asyncio.get_running_loop()
    due = loop.time()
    async with asyncio.TaskGroup() as group:

        async def begin(act: Act) -> None:
            await room.acquire()
            group.create_task(_perform(act, tell)).add_done_callback(lambda _: room.release())

        waiting: list[Act] = []
        for act in crowd:
            if wave.is_set():
                wave.clear()
                for each in waiting:
                    await begin(each)
                waiting.clear()
            if act.cause.slug == shared and act.deed in ("endorsed", "withdrew"):
                waiting.append(act)
            else:
                await begin(act)
            # Against the clock, not after one another: making keys must not slow everybody down.
            due = max(due + crowd.pause(), loop.time() - 1.0)
            await asyncio.sleep(due - loop.time())
        for each in waiting:
            await begin(each)


async def _perform(act: Act, tell: Callable[[dict[str, Any]], None]) -> None:
    person, cause = act.person, act.cause
    is_new = person.key is None
    match act.deed:
        case "endorsed" | "reacted":
            status = await person.like(cause, act.words)
        case "withdrew":
            status = await person.unlike(cause)
        case "shared":
            status = await person.share(cause)
        case "followed":
            status = await person.follow(cause)
        case "replied":
            status = await person.reply(cause, act.words or "", act.language)
    tell(
        {
            "who": person.name,
            "handle": person.handle,
            "software": person.server.dialect.software,
            "is_new": is_new,
            "did": act.deed,
            "slug": cause.slug,
            "emoji": act.words if act.deed in ("endorsed", "reacted") else None,
            "status": status,
        }
    )
