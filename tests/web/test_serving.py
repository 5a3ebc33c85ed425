"""Who may keep what is served, and how often it is made: for a crowd as for one."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from fedicause import app
from fedicause.instance import Instance
from fedicause.web.cached import Rendered, Shelf, Shown
from fedicause.web.keys import SHELF
from storage.models import Campaign
from tests.clock import Clock
from tests.conftest import Client
from tests.door import Door
from tests.fediverse import Fediverse

CROWD = 50
BROWSER = {
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Accept-Language": "de",
    "Accept-Encoding": "gzip",
}
FILLED = {"slug": "forest", "name": "forest", "topic": "environment", "number": "1", "origin": "ours.test"}
# What is one person's, or says how the server is: nobody keeps it.
PERSONAL = re.compile(
    r"^/(admin|me|receipts|unsubscribe|confirm|decline|signed|healthz|readyz)(/|$)|/challenge$|/sent$|/sketch$"
)
KEPT = re.compile(r"public, max-age=[1-9]\d*(, (stale-while-revalidate=[1-9]\d*|must-revalidate|immutable))?")


class Counting(Shelf):
    """Counts what is really rendered."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.renders: Counter[Hashable] = Counter()

    def rendered(self, shown: Shown[Any], variant: Hashable, render: Callable[[Any], Rendered]) -> Rendered:
        def counted(view: Any) -> Rendered:
            self.renders[type(view).__name__] += 1
            return render(view)

        return super().rendered(shown, variant, counted)


@pytest.fixture
async def counting(instance: Instance, fediverse: Fediverse) -> AsyncIterator[Client]:
    """The application, with a shelf that counts."""
    built = app.web_app(instance)
    built[SHELF] = Counting(clock=lambda: instance.now().timestamp())
    async with TestClient(Door(built)) as opened:
        fediverse.homes[instance.settings.url] = str(opened.make_url("")).rstrip("/")
        yield opened


@pytest.mark.usefixtures("campaign")
async def test_a_crowd_of_readers_costs_one_rendering_for_each_change(
    counting: Client, fediverse: Fediverse, clock: Clock
) -> None:
    shelf = counting.app[SHELF] if counting.app else None
    assert isinstance(shelf, Counting)
    server = await fediverse.server()
    for number in range(3):
        # Given a change, while the crowd is looking
        bob = await server.person(f"bob{number}")
        clock.advance(1.5)
        shelf.renders.clear()
        looking = [asyncio.create_task(look(counting, path)) for path in PATHS for _ in range(CROWD)]
        assert (await bob.like("https://ours.test/campaigns/forest")).status == 202
        await asyncio.gather(*looking)
        clock.advance(1.5)
        answers = await asyncio.gather(*(look(counting, path) for path in PATHS for _ in range(CROWD)))
        # Then everybody sees it, and it was made once: at most once before, and once after.
        assert set(answers) == {f"{number + 1}"}
        assert set(shelf.renders.values()) <= {1, 2}
        # And when nothing changes, nothing is made.
        shelf.renders.clear()
        clock.advance(1.5)
        await asyncio.gather(*(look(counting, path) for path in PATHS for _ in range(CROWD)))
        assert not shelf.renders


PATHS = ("/campaigns/forest", "/api/campaigns/forest/support")


async def look(client: Client, path: str) -> str:
    async with client.get(path, headers=BROWSER) as answer:
        assert answer.status == 200
        text = await answer.text()
    found = re.search(r"data-total>(\d+)<", text) or re.search(r'"total":(\d+)', text)
    assert found is not None
    return found[1]


def addresses(client: Client) -> Iterator[str]:
    """Every address that can be asked for, of the campaign that there is."""
    assert client.app is not None
    for route in client.app.router.routes():
        if route.method == "GET" and route.resource is not None:
            path = route.resource.canonical
            yield re.sub(r"\{(\w+)(:[^}]*\}?)?\}", lambda part: FILLED.get(part[1], "x"), path)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_everything_says_who_may_keep_it(client: Client, campaign: Campaign) -> None:
    paths = list(addresses(client))
    assert len(paths) > 100
    pages = 0
    for path in paths:
        async with client.get(path, headers=BROWSER, allow_redirects=False) as answer:
            kept, tag = answer.headers.get("Cache-Control", ""), answer.headers.get("ETag")
            length = answer.headers.get("Content-Length")
            if answer.status == 301:
                continue
            if "Set-Cookie" in answer.headers or (PERSONAL.search(path) and answer.status < 400):
                assert "no-store" in kept, path
                assert tag is None, path
                continue
            assert "no-store" in kept or KEPT.fullmatch(kept), (path, kept)
            varies = answer.headers.get("Vary", "")
            if answer.content_type == "text/html" and "no-store" not in kept:
                assert "Accept-Language" in varies, path
            if answer.headers.get("Content-Encoding"):
                assert "Accept-Encoding" in varies, path
        # Who asks for the head alone gets the same one.
        async with client.head(path, headers=BROWSER, allow_redirects=False) as head:
            assert head.headers.get("ETag") == tag, path
            # The numbers of how it runs are others each time.
            assert head.headers.get("Content-Length") == length or head.status == 303 or path == "/metrics", (
                path
            )
        if tag is not None:
            pages += 1
            known = BROWSER | {"If-None-Match": tag}
            async with client.get(path, headers=known, allow_redirects=False) as again:
                assert (again.status, await again.read()) == (304, b""), path
                assert again.headers["Cache-Control"] == kept
                assert again.headers.get("Vary", "") == varies
    assert pages >= 15


@pytest.mark.usefixtures("campaign")
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("accepted", "sent"),
    [
        ("gzip", "gzip"),
        ("br, gzip;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("br, gzip; q=0.0, *", None),
        ("", None),
    ],
)
async def test_packed_is_sent_what_may_be(client: Client, accepted: str, sent: str | None) -> None:
    asked = BROWSER | {"Accept-Encoding": accepted}
    async with client.get("/campaigns/forest", headers=asked) as answer:
        assert answer.headers.get("Content-Encoding") == sent
