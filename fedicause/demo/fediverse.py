"""The simulated servers, in a process of their own: real HTTP at ports of this machine, several dialects.

Run by `fedicause demo`, which writes to its standard input and reads from its standard output, a line of
JSON each: first what to play (`bases`, `causes`, `shared`, `people`, `seed`, `port`), then `"act"`, `"wave"`
and `"rest"`. When the input ends, whoever started it is gone; then this process ends too, and removes the
directory that is its argument.
"""

import asyncio
import json
import os
import random
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import hdrs

from federation import vocabulary
from fedicause.demo import crowd, dialects, people
from fedicause.demo.dialects import Document
from fedicause.demo.people import Cause
from fedicause.demo.servers import PATIENCE, Server
from fedicause.demo.sites import Site

# The pages come first on a machine with few cores.
NICENESS = 5


async def discover(session: aiohttp.ClientSession, note: str, slug: str, appeal: float) -> Cause:
    """What other servers know of a campaign: from its Note to its actor, and to the inboxes."""
    call = await _fetch(session, note)
    actor = await _fetch(session, call["attributedTo"])
    return Cause(slug, call["id"], actor["id"], actor["inbox"], actor["endpoints"]["sharedInbox"], appeal)


async def main() -> None:
    """Plays until the input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    if line := await reader.readline():
        await _play(json.loads(line), reader)


async def _play(script: dict[str, Any], reader: asyncio.StreamReader) -> None:
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        servers = [
            Server(dialect, script["port"] + index, session)
            for index, dialect in enumerate(dialects.DIALECTS, start=1)
        ]
        chance = random.Random(script["seed"])  # noqa: S311  # a play, which guards nothing
        cast = people.populate(servers, script["people"], chance)
        causes = [await discover(session, **each) for each in script["causes"]]
        sites = [
            Site(each, [person for person in cast if person.server is each], causes, script["bases"])
            for each in servers
        ]
        for site in sites:
            await site.start()
        _tell({"ready": [[each.authority, each.dialect.software] for each in servers]})
        await _follow(reader, crowd.Crowd(cast, causes, script["seed"]), script["shared"])
        for site in sites:
            await site.stop()


async def _follow(reader: asyncio.StreamReader, audience: crowd.Crowd, shared: str) -> None:
    """Does as the lines say until there are no more."""
    playing: asyncio.Task[None] | None = None
    wave = asyncio.Event()
    while line := await reader.readline():
        match json.loads(line):
            case "act":
                playing = asyncio.create_task(crowd.play(audience, _tell, shared=shared, wave=wave))
                playing.add_done_callback(_complain)
            case "wave":
                wave.set()
            case "rest" if playing:
                playing.cancel()
    if playing:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)


def _complain(playing: "asyncio.Task[None]") -> None:
    if not playing.cancelled() and (error := playing.exception()):
        asyncio.get_running_loop().call_exception_handler({"message": "the play broke", "exception": error})


def _tell(event: dict[str, Any]) -> None:
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


async def _fetch(session: aiohttp.ClientSession, uri: str) -> Document:
    async with session.get(uri, headers={hdrs.ACCEPT: vocabulary.ACTIVITY_JSON}) as answer:
        answer.raise_for_status()
        found: Document = json.loads(await answer.read())
        return found


if __name__ == "__main__":
    os.nice(NICENESS)
    try:
        asyncio.run(main())
    finally:
        # Also when the demo was killed and could not do so itself.
        shutil.rmtree(Path(sys.argv[1]), ignore_errors=True)
