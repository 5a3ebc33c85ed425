"""The demo itself: the real application, the simulated servers beside it, and what the terminal tells."""

import asyncio
import logging
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import uvloop
from aiohttp import abc, resolver, web

from federation import content
from fedicause import app, settings, work
from fedicause.demo import organisation
from fedicause.demo.players import Players, players
from fedicause.demo.screen import Screen
from fedicause.instance import Instance
from fedicause.web.inbox import RECEIVER

# Pages that are being read need not be waited for.
GRACE: Final = 1.0
READING_EVERY: Final = 4.0
FIRST_NEWS: Final = 25.0
NEWS_EVERY: Final = 70.0
COUNTING_EVERY: Final = 1.0
TITLE_LENGTH: Final = 44
_DEEDS: Final = {
    "withdrew": "took back the ☆ of",
    "replied": "replied to",
    "followed": "follows",
}


class Loopback(abc.AbstractResolver):
    """`*.localhost` is this machine (RFC 6761), which the C library does not know; other names as ever."""

    def __init__(self) -> None:
        self._others = resolver.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[abc.ResolveResult]:
        name = "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else host
        return await self._others.resolve(name, port, family)

    async def close(self) -> None:
        await self._others.close()


def show(
    listening: socket.socket,
    address: str,
    directory: str,
    screen: Screen,
    *,
    people: int,
    seconds: float | None,
    seed: int,
) -> None:
    """Runs the demo in `directory` until a signal, or for so many seconds from its first page."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # As the server does: the database's threads must win the interpreter back soon.
    sys.setswitchinterval(0.0005)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        demo = Demo(listening, address, directory, screen)
        with suppress(asyncio.CancelledError):
            runner.run(demo.run(people=people, seconds=seconds, seed=seed))


class Demo:
    """One run of the demo."""

    def __init__(self, listening: socket.socket, address: str, directory: str, screen: Screen) -> None:
        self._listening = listening
        self._address = address
        self._directory = directory
        self._screen = screen
        self._stop = asyncio.Event()
        self._set_up: asyncio.Task[Any] | None = None
        self._began = time.monotonic()
        self._titles: dict[str, str] = {}
        self._people = 0
        self._replies = 0
        self._refused = 0
        self._counts = ""
        self._latest = ""
        self._reached: set[str] = set()

    async def run(self, *, people: int, seconds: float | None, seed: int) -> None:
        """Until a signal, or the seconds are over; all that was started has ended then."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._end)
        self._set_up = asyncio.current_task()
        known = self._settings()
        self._screen.say(
            f"{organisation.NAME} is being set up, with {len(organisation.PROGRAMME)} campaigns …"
        )
        # The servers load while the organisation is set up.
        async with players(self._directory) as cast:
            await organisation.set_up(known, app.utc_now())
            async with app.open_instance(known, resolver=Loopback()) as instance:
                await organisation.publish_all(instance)
                runner = web.AppRunner(
                    app.web_app(instance), access_log=None, handle_signals=False, shutdown_timeout=GRACE
                )
                await runner.setup()
                try:
                    await web.SockSite(runner, self._listening).start()
                    self._set_up = None
                    self._screen.say(
                        f"Ready after {time.monotonic() - self._began:.1f} seconds: open the address in a "
                        "browser. Ctrl-C ends the demo."
                    )
                    if seconds is not None:
                        loop.call_later(seconds, self._stop.set)
                    cast.tell(self._script(instance, people=people, seed=seed))
                    await self._play(instance, cast, runner)
                finally:
                    self._screen.end_status()
                    await runner.cleanup()

    def _end(self) -> None:
        self._stop.set()
        if self._set_up is not None:
            self._set_up.cancel()

    async def _play(self, instance: Instance, cast: Players, runner: web.AppRunner) -> None:
        hearing = asyncio.create_task(self._hear(cast), name="servers")
        hearing.add_done_callback(lambda _: self._stop.set())
        async with asyncio.TaskGroup() as group:
            group.create_task(work.run(instance, receiver=runner.app[RECEIVER], stop=self._stop))
            group.create_task(self._every(READING_EVERY, lambda: self._read(instance)))
            group.create_task(self._every(COUNTING_EVERY, lambda: self._count(instance)))
            group.create_task(self._publish_news(instance))
            await self._stop.wait()
            cast.tell("rest")
        if hearing.done():
            await hearing
        hearing.cancel()

    async def _hear(self, cast: Players) -> None:
        """What the simulated servers report; raises Failed when they end."""
        ready = (await cast.hear())["ready"]
        self._screen.say(f"The people live on {len(ready)} simulated servers, and sign what they say:")
        for authority, software in ready:
            self._screen.say(f"  {authority:<24} speaks like {software}")
        self._screen.say(
            f"Be one of them: endorse a campaign as @you@{ready[0][0]} and press ☆ where that leads.\n"
        )
        cast.tell("act")
        while True:
            self._report(await cast.hear())

    def _report(self, event: dict[str, Any]) -> None:
        if event["status"] == 0:
            return
        self._people += event["is_new"]
        if event["status"] >= 400:
            self._refused += 1
            self._screen.say(f"{event['handle']} was answered {event['status']}")
            return
        said = event["did"] if event["did"] != "reacted" else f"reacted {event['emoji']} (no endorsement) to"
        said = _DEEDS.get(said, said)
        self._latest = f"{event['who']} ({event['software']}) {said} {self._title(event['slug'])}"
        self._show()

    async def _read(self, instance: Instance) -> None:
        """The moderator reads the replies."""
        for reply, is_shown in await organisation.read_replies(instance):
            text = content.plain(reply.html).strip()
            if is_shown:
                self._replies += 1
                self._screen.say(f"  “{text}” ({reply.author_name}, {self._title(reply.campaign)})")
            else:
                self._screen.say(f"  The moderator keeps from the page: “{text}”")

    async def _count(self, instance: Instance) -> None:
        """Reads the counts, as the pages do."""
        listed = await organisation.campaigns_now(instance)
        self._titles = {each.campaign.slug: each.text().title for each in listed}
        endorsed = sum(each.counts.endorsements for each in listed)
        shared = sum(each.counts.shares for each in listed)
        followed = sum(each.counts.subscriptions for each in listed)
        self._counts = (
            f"{endorsed:,} endorsements, {shared:,} shares, {followed:,} followers, {self._replies} replies"
        )
        for each in listed:
            slug, goal = each.campaign.slug, each.campaign.goal
            if goal and each.counts.endorsements >= goal and slug not in self._reached:
                self._reached.add(slug)
                self._screen.say(f"  {self._title(slug)}: the goal of {goal:,} is reached")
        self._show()

    async def _publish_news(self, instance: Instance) -> None:
        pause = FIRST_NEWS
        for path in organisation.news():
            if await self._stopped(pause):
                return
            slug, title = await organisation.post(instance, path)
            self._screen.say(f"  News of {self._title(slug)}: {title}")
            pause = NEWS_EVERY

    async def _every(self, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        while not await self._stopped(seconds):
            await step()

    async def _stopped(self, seconds: float) -> bool:
        """Waits so long, or until the demo stops; whether it does."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
        return self._stop.is_set()

    def _show(self) -> None:
        passed = int(time.monotonic() - self._began)
        clock = f"{passed // 60}:{passed % 60:02}"
        self._screen.status(f"{clock}  {self._people} people, {self._counts} | {self._latest}")

    def _title(self, slug: str) -> str:
        title = self._titles.get(slug, slug)
        return title if len(title) <= TITLE_LENGTH else f"{title[: TITLE_LENGTH - 1].rstrip()}…"

    def _settings(self) -> settings.Settings:
        """Of its own: neither the environment nor a `.env` file changes the demo."""
        directory = Path(self._directory)
        return settings.load(
            {"FEDICAUSE_URL": self._address, "FEDICAUSE_DATA": str(directory / "data"), "FEDICAUSE_DEV": "1"},
            dotenv=directory / "no.env",
        )

    def _script(self, instance: Instance, *, people: int, seed: int) -> dict[str, Any]:
        causes = [
            {"slug": slug, "note": instance.urls.note(slug), "appeal": appeal}
            for slug, appeal in organisation.PROGRAMME.items()
        ]
        port = int(self._listening.getsockname()[1])
        return {"base": self._address, "causes": causes, "people": people, "seed": seed, "port": port}
