"""What other processes of this instance say: PostgreSQL carries it, and what is lost is found by looking."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fedicause.instance import Instance
from storage import notices

log = logging.getLogger(__name__)

AGAIN_AFTER: Final = 1.0
"""Seconds between two attempts to listen, where the database does not answer."""


@asynccontextmanager
async def listening(instance: Instance) -> AsyncIterator[None]:
    """Meanwhile rings our bells for what other processes do; with SQLite there are none."""
    if instance.database.dialect != "postgresql":
        yield
        return
    task = asyncio.create_task(_listen(instance), name="notices")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _listen(instance: Instance) -> None:
    while True:
        try:
            async with notices.listening(instance.database, instance.hints.ring) as end:
                # Anything may have been said before.
                instance.hints.ring_all()
                await end()
        except Exception as error:  # whatever it is, it may be over in a second
            log.warning("other processes can't be heard: %s", type(error).__name__)
        await asyncio.sleep(AGAIN_AFTER)
