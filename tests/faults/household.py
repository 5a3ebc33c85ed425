"""One instance as many processes on one PostgreSQL: some answer, some work, all say the same address."""

import asyncio
import base64
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import altcha
from yarl import URL

from fedicause import initialise, seal
from fedicause.settings import Settings
from fedicause.web import guard
from storage.columns import to_milliseconds
from tests import ours, signing
from tests.faults import crowd, ordeal
from tests.faults.nursery import Forked, until
from tests.web.staff import Browser

BOB: Final = {"name": "Bob Miller", "country": "DE", "lang": "en", "shown": "nothing"}
FOREST: Final = "/campaigns/forest"


class Member(Forked):
    """One process of the house; many start at once."""

    up_within = 100.0

    def __init__(self, house: "House", directory: Path) -> None:
        directory.mkdir()
        super().__init__(directory, database=house.given.database)
        self.environment = {**self.environment, **house.environment}

    @property
    def has_begun(self) -> bool:
        return self._serving is not None

    async def work(self) -> None:
        """Works without answering."""
        self._serving = self._fork(("work",), self.directory / "log")


@dataclass
class House:
    """The processes, and a client that asks whichever it is told to. `url` is what all are known by."""

    url: str
    given: Settings
    environment: Mapping[str, str]
    session: aiohttp.ClientSession
    serving: list[Member] = field(default_factory=list)
    working: list[Member] = field(default_factory=list)

    @property
    def note(self) -> str:
        return self.url + FOREST

    @property
    def actor(self) -> str:
        return f"{self.url}/actors/forest"

    @property
    def logs(self) -> str:
        return "\n".join(member.log for member in (*self.serving, *self.working))

    async def send(self, request: signing.Request, to: int) -> int:
        """The status that the process of this number answers with."""
        url = self.serving[to % len(self.serving)].url + request.url.removeprefix(self.url)
        async with self.session.post(
            URL(url, encoded=True), headers=request.headers, data=request.body
        ) as answer:
            await answer.read()
            return answer.status

    async def form(self, path: str, fields: Mapping[str, str], to: int, network: str = "") -> int:
        """The status that a form gets, sent to this process from an address of that network."""
        member = self.serving[to % len(self.serving)]
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.url}
        if network:
            headers["X-Forwarded-For"] = network
        async with self.session.post(
            member.url + path, data=fields, headers=headers, allow_redirects=False
        ) as answer:
            await answer.read()
            return answer.status

    async def everywhere(self, asked: Callable[[Member], Awaitable[object]], *, within: float) -> bool:
        """Whether every process comes to say so in these seconds."""

        async def all_say_so() -> bool:
            return all(await asyncio.gather(*map(asked, self.serving)))

        return await until(all_say_so, within=within)

    def proof(self) -> str:
        """Of work that was not done: whoever has the secret knows the answers."""
        challenge = altcha.create_challenge(
            guard.ALGORITHM,
            guard.COST,
            counter=0,
            data={"for": FOREST, "until": to_milliseconds(crowd.now() + guard.PROOF_FOR)},
            hmac_secret=guard.challenge_key(seal.load(self.given.secret_file)),
        )
        solution = altcha.solve_challenge(challenge)
        assert solution is not None
        solved = altcha.Payload(challenge, solution)
        return base64.b64encode(json.dumps(solved.to_dict()).encode()).decode()

    async def staff(self, number: int, email: str, password: str) -> Browser:
        """Somebody who is logged in at the process of this number."""
        client = aiohttp.ClientSession(self.serving[number].url, cookie_jar=aiohttp.DummyCookieJar())
        browser = Browser(client, origin=self.url)  # type: ignore[arg-type]
        await browser.log_in(email, password)
        return browser

    async def hire(self, email: str) -> str:
        """A user who may do everything; the password."""
        async with ours.changing(self.given) as session:
            return await initialise.user(session, email=email, role="owner", now=crowd.now())


@asynccontextmanager
async def living(
    directory: Path, database: str, *, serving: int, working: int, **settings: str
) -> AsyncIterator[House]:
    """So many processes, all ended afterwards, whatever happens."""
    first = Forked(directory, database=database)
    given = await ordeal.prepare(first, database)
    environment = {
        "FEDICAUSE_URL": first.url,
        "FEDICAUSE_DATA": str(given.data),
        "FEDICAUSE_SECRET_FILE": str(given.secret_file),
        **{f"FEDICAUSE_{name.upper()}": value for name, value in settings.items()},
    }
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(
                skip_auto_headers=["User-Agent", "Content-Type", "Accept-Encoding"],
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=60),
            )
        )
        house = House(first.url, given, environment, session)
        stack.push_async_callback(_end, house)
        house.serving += [Member(house, directory / f"serve{number}") for number in range(serving)]
        house.working += [Member(house, directory / f"work{number}") for number in range(working)]
        await asyncio.gather(
            *(member.start("--no-work") for member in house.serving),
            *(member.work() for member in house.working),
        )
        yield house


async def _end(house: House) -> None:
    members: list[Any] = [each for each in (*house.serving, *house.working) if each.has_begun]
    await asyncio.gather(*(each.stop(signal.SIGKILL) for each in members))
