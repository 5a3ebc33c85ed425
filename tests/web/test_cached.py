"""The shelf of pages: one reading and one rendering for however many readers."""

import asyncio
from dataclasses import dataclass

import pytest

from fedicause.web.cached import Rendered, Shelf


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Source:
    """Something to read, and how often it was."""

    view: object = "one"
    readings: int = 0
    error: Exception | None = None

    async def read(self) -> object:
        self.readings += 1
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return self.view


def rendered(view: object) -> Rendered:
    return Rendered(str(view).encode(), {})


async def test_many_readers_at_once_cause_one_reading() -> None:
    source, shelf = Source(), Shelf(clock=Clock())
    shown = await asyncio.gather(*(shelf.look("page", source.read) for _ in range(50)))
    assert source.readings == 1
    assert len({id(each) for each in shown}) == 1


async def test_a_second_later_it_is_read_again_and_rendered_only_if_it_changed() -> None:
    source, clock = Source(), Clock()
    shelf = Shelf(clock=clock)
    first = shelf.rendered(await shelf.look("page", source.read), "en", rendered)
    clock.seconds = 1.01
    assert shelf.rendered(await shelf.look("page", source.read), "en", rendered) is first
    assert source.readings == 2
    source.view, clock.seconds = "two", 2.02
    changed = shelf.rendered(await shelf.look("page", source.read), "en", rendered)
    assert changed.plain.body == b"two"
    assert changed.plain.etag != first.plain.etag


async def test_a_failure_reaches_every_reader_and_is_forgotten() -> None:
    source, shelf = Source(error=LookupError("gone")), Shelf(clock=Clock())
    answers = await asyncio.gather(
        *(shelf.look("page", source.read) for _ in range(3)), return_exceptions=True
    )
    assert [type(each) for each in answers] == [LookupError] * 3
    source.error = None
    assert (await shelf.look("page", source.read)).view == "one"


async def test_a_reader_who_goes_away_leaves_the_answer_to_the_others() -> None:
    source, shelf = Source(), Shelf(clock=Clock())
    leaving = asyncio.create_task(shelf.look("page", source.read))
    staying = asyncio.create_task(shelf.look("page", source.read))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).view == "one"
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_it_keeps_no_more_than_it_may() -> None:
    shelf = Shelf(entries=3, size=1000, clock=Clock())
    for number in range(10):
        shelf.rendered(await shelf.look(number, Source(view="x" * 10).read), "en", rendered)
    assert len(shelf) == 3
    for number in range(10):
        shelf.rendered(await shelf.look(number, Source(view="x" * 300).read), "en", rendered)
    assert len(shelf) == 1
    assert shelf.size <= 1000
    big = shelf.rendered(await shelf.look("big", Source(view="x" * 5000).read), "en", rendered)
    assert len(big.plain.body) == 5000
    assert shelf.size <= 1000
