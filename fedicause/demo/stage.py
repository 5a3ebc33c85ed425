"""The demo itself: the real application three times, the simulated servers beside it, and what is told."""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any, Final

import aiohttp
import uvloop
from msgspec import Struct

from federation import content
from federation.answers import RemoteError
from fedicause.campaigning import manuscript
from fedicause.commands.desk import Refused
from fedicause.demo import alliance, chaos, organisation, programme
from fedicause.demo.alliance import Alliance
from fedicause.demo.ending import Ending
from fedicause.demo.gauge import Gauge
from fedicause.demo.organisation import Organisation
from fedicause.demo.players import Players, players
from fedicause.demo.screen import Screen
from fedicause.demo.signers import Signers
from storage import migrations

READING_EVERY: Final = 4.0
FIRST_NEWS: Final = 25.0
NEWS_EVERY: Final = 70.0
TITLE_LENGTH: Final = 44
_DEEDS: Final = {
    "withdrew": "took back the ☆ of",
    "replied": "replied to",
    "followed": "follows",
}


class Wish(Struct, frozen=True):
    """What whoever starts the demo wants of it; `seconds` from its first page, None: until a signal."""

    people: int
    seconds: float | None
    seed: int
    chaos: bool


def show(listening: Sequence[socket], directory: str, screen: Screen, wish: Wish) -> None:
    """Runs the demo in `directory`, an organisation at each of the sockets. Raises Refused."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # That a tally jumps is what the demo is made for.
    logging.getLogger("fedicause.tally").setLevel(logging.ERROR)
    # As the server does: the database's threads must win the interpreter back soon.
    sys.setswitchinterval(0.0005)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        demo = Demo(listening, Path(directory), screen, wish)
        with suppress(asyncio.CancelledError):
            runner.run(demo.run())


class Demo:
    """One run of the demo."""

    def __init__(self, listening: Sequence[socket], directory: Path, screen: Screen, wish: Wish) -> None:
        self._listening = listening
        self._directory = directory
        self._screen = screen
        self._wish = wish
        self._ending = Ending()
        self._set_up: asyncio.Task[Any] | None = None
        self._began = time.monotonic()
        self._titles = {
            slug: manuscript.read(programme.CAMPAIGNS / f"{slug}.md").title or slug
            for role in programme.ORGANISATIONS
            for slug in role.programme
        }
        self._refused: Refused | None = None
        self._people = 0
        self._latest = ""

    async def run(self) -> None:
        """Until a signal, or the seconds are over; all that was started has ended then."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._end)
        self._set_up = asyncio.current_task()
        campaigns = len(self._titles)
        self._screen.say(
            f"{len(self._listening)} organisations with {campaigns} campaigns are being set up …"
        )
        # The servers load while the organisations are set up.
        async with players(str(self._directory)) as cast, AsyncExitStack() as stack:
            homes = await self._open(stack)
            session = await stack.enter_async_context(aiohttp.ClientSession())
            self._set_up = None
            self._screen.say(
                f"Ready after {time.monotonic() - self._began:.1f} seconds: open the addresses in a browser. "
                "Ctrl-C ends the demo."
            )
            if self._wish.seconds is not None:
                loop.call_later(self._wish.seconds, self._ending.event.set)
            cast.tell(self._script(homes))
            await self._play(homes, cast, Gauge(session, homes, programme.SHARED))
            self._screen.end_status()

    def _end(self) -> None:
        self._ending.event.set()
        if self._set_up is not None:
            self._set_up.cancel()

    async def _open(self, stack: AsyncExitStack) -> list[Organisation]:
        """The organisations, each at its address, with all that they publish."""
        schema = self._directory / "schema.db"
        await migrations.upgrade(f"sqlite:///{schema}")
        opened = [
            organisation.opened(
                role,
                f"http://127.0.0.1:{listening.getsockname()[1]}",
                self._directory / role.handle,
                schema,
            )
            for role, listening in zip(programme.ORGANISATIONS, self._listening, strict=True)
        ]
        async with asyncio.TaskGroup() as group:
            entering = [group.create_task(stack.enter_async_context(each)) for each in opened]
        homes = [each.result() for each in entering]
        for home, listening in zip(homes, self._listening, strict=True):
            await home.serve(listening)
        return homes

    async def _play(self, homes: Sequence[Organisation], cast: Players, gauge: Gauge) -> None:
        async with asyncio.TaskGroup() as group:
            for home in homes:
                group.create_task(home.work(self._ending.event))
                group.create_task(self._ending.every(READING_EVERY, partial(self._read, home)))
            group.create_task(self._ending.every(alliance.READING_EVERY, partial(self._look, gauge)))
            group.create_task(self._publish_news(homes))
            group.create_task(self._if_it_can(self._unite(homes, cast, gauge)))
            hearing = group.create_task(self._if_it_can(self._hear(cast)))
            await self._ending.event.wait()
            cast.tell("rest")
            hearing.cancel()
        if self._refused is not None:
            raise self._refused

    async def _if_it_can(self, act: Coroutine[Any, Any, None]) -> None:
        """Without which there is no demo."""
        try:
            await act
        except Refused as refused:
            self._refused = refused
            self._ending.event.set()
        except RemoteError as error:
            self._refused = Refused(f"The organisations did not get together: {error}")
            self._ending.event.set()

    async def _unite(self, homes: Sequence[Organisation], cast: Players, gauge: Gauge) -> None:
        """The organisations get together, and people sign."""
        roles = [home.role for home in homes]
        people = Signers(roles, await gauge.thresholds(), people=self._wish.people, seed=self._wish.seed)
        together = Alliance(homes, programme.SHARED, gauge, people, self._screen, self._ending)
        await together.form(self._title(programme.SHARED))
        async with asyncio.TaskGroup() as group:
            group.create_task(together.sign(cast))
            group.create_task(together.report())
            if self._wish.chaos:
                group.create_task(chaos.reign(homes, together, gauge, self._screen, self._ending))

    async def _hear(self, cast: Players) -> None:
        """What the simulated servers report; raises Refused when they end."""
        ready = (await cast.hear())["ready"]
        self._screen.say(f"The people live on {len(ready)} simulated servers, and sign what they say:")
        for authority, software in ready:
            self._screen.say(f"  {authority:<24} speaks like {software}")
        self._screen.say(
            f"Be one of them: endorse a campaign as @you@{ready[0][0]} and press ☆ where that leads.\n"
        )
        cast.tell("act")
        while True:
            self._tell(await cast.hear())

    def _tell(self, event: dict[str, Any]) -> None:
        if event["status"] == 0:
            return
        self._people += event["is_new"]
        if event["status"] >= 400:
            self._screen.say(f"{event['handle']} was answered {event['status']}")
            return
        said = event["did"] if event["did"] != "reacted" else f"reacted {event['emoji']} (no endorsement) to"
        said = _DEEDS.get(said, said)
        self._latest = f"{event['who']} ({event['software']}) {said} {self._title(event['slug'])}"

    async def _read(self, home: Organisation) -> None:
        """The moderator reads the replies."""
        for reply, is_shown in await home.read_replies():
            text = content.plain(reply.html).strip()
            if is_shown:
                self._screen.say(f"  “{text}” ({reply.author_name}, {self._title(reply.campaign)})")
            else:
                self._screen.say(f"  The moderator keeps from the page: “{text}”")

    async def _look(self, gauge: Gauge) -> None:
        passed = int(time.monotonic() - self._began)
        clock = f"{passed // 60}:{passed % 60:02}"
        self._screen.status(
            f"{clock}  {await gauge.read()} | {self._people} people on the fediverse | {self._latest}"
        )

    async def _publish_news(self, homes: Sequence[Organisation]) -> None:
        pause = FIRST_NEWS
        for path in sorted(programme.NEWS.glob("*.md")):
            if await self._ending.within(pause):
                return
            slug = manuscript.read(path).slug or ""
            title = await homes[programme.organiser(slug)].post(path)
            self._screen.say(f"  News of {self._title(slug)}: {title}")
            pause = NEWS_EVERY

    def _title(self, slug: str) -> str:
        title = self._titles.get(slug, slug)
        return title if len(title) <= TITLE_LENGTH else f"{title[: TITLE_LENGTH - 1].rstrip()}…"

    def _script(self, homes: Sequence[Organisation]) -> dict[str, Any]:
        causes = [
            {"slug": slug, "note": home.note(slug), "appeal": appeal}
            for home in homes
            for slug, appeal in home.role.programme.items()
        ]
        return {
            "bases": [home.url for home in homes],
            "causes": causes,
            "shared": programme.SHARED,
            "people": self._wish.people,
            "seed": self._wish.seed,
            "port": max(each.getsockname()[1] for each in self._listening),
        }
