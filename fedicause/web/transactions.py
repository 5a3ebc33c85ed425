"""What a request changes, in one transaction: the only place where the web opens one."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.here import Here
from fedicause.instance import Instance

R = TypeVar("R")
Verb = Callable[[AsyncSession, Here], Awaitable[R]]

# What a change may have queued. A ring for nothing costs one look.
_BELLS: Final = ("deliveries", "letters", "blocks")


async def change(instance: Instance, verb: Verb[R]) -> R:
    """What the verb gives, once that is durable; when it raises, nothing has happened."""
    here = Here.at(instance)
    async with instance.database.writing() as session:
        result = await verb(session, here)
    for bell in _BELLS:
        instance.hints.ring(bell)
    return result
