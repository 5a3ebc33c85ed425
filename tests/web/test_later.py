"""What is loaded once somebody asks for it: in a thread, one thing at a time, and nobody else waits."""

import asyncio
import threading
import time
from typing import Any

import jinja2
import pytest

from federation import lazily
from fedicause.web import render
from fedicause.web.later import Loading
from storage.models import Campaign
from tests.conftest import Client

# Browsers, programs that take anything, a form from neither; and what they get.
ASKED = [
    ("GET", "/", "text/html", 200),
    ("GET", "/campaigns/forest/progress", "*/*", 200),
    ("GET", "/campaigns/forest/embed", "text/plain", 200),
    ("GET", "/campaigns/forest/feed.atom", "application/atom+xml", 200),
    ("POST", "/campaigns/forest/signatures", "application/json", 422),
    ("GET", "/admin/login", "text/html", 200),
    ("GET", "/me", "text/html", 200),
    ("GET", "/.well-known/nothing", "text/html", 404),
]


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The threads in which templates are compiled from now on, as if none had been."""
    threads: set[int] = set()
    compiling = jinja2.Environment.compile

    def compile_and_note(*given: Any, **named: Any) -> Any:
        threads.add(threading.get_ident())
        return compiling(*given, **named)

    monkeypatch.setattr(jinja2.Environment, "compile", compile_and_note)
    render._environment.cache_clear()
    return threads


@pytest.mark.parametrize("first", ASKED)
async def test_no_template_is_compiled_in_the_middle_of_a_request(
    client: Client, campaign: Campaign, compiled: set[int], first: tuple[str, str, str, int]
) -> None:
    for method, path, accept, status in [first, *ASKED]:
        data = {"name": "Alice"} if method == "POST" else None
        async with client.request(method, path, data=data, headers={"Accept": accept}) as response:
            assert response.status == status
    assert compiled
    assert threading.get_ident() not in compiled


async def test_of_several_things_one_is_loaded_at_a_time() -> None:
    under_way: list[str] = []

    def load(name: str) -> str:
        assert not under_way
        under_way.append(name)
        time.sleep(0.05)
        return under_way.pop()

    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    others = asyncio.create_task(take_turns())
    assert await asyncio.gather(*(lazily.alone(lambda name=name: load(name)) for name in "abc")) == [*"abc"]
    others.cancel()
    assert turns > 10


async def test_what_broke_is_loaded_again_by_the_next_who_asks() -> None:
    tries: list[int] = []

    def load() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("the disk is away")
        return len(tries)

    loading = Loading(load)
    with pytest.raises(OSError, match="away"):
        await loading.wait()
    assert await asyncio.gather(loading.wait(), loading.wait()) == [2, 2]
