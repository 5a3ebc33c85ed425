"""Rows of people elsewhere, for tests that need them and not their servers."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from storage import actors
from storage.actors import Description, Known
from storage.models import Register
from storage.registers import Key


async def people(session: AsyncSession, *handles: str, now: datetime) -> list[Known]:
    """An actor for each `name@host`; all of a host share its inbox."""
    described = [describe(handle) for handle in handles]
    known = await actors.remember(session, described, now)
    return [known[each.uri] for each in described]


def describe(handle: str) -> Description:
    name, _, host = handle.partition("@")
    uri = f"https://{host}/users/{name}"
    return Description(
        uri=uri,
        host=host,
        type="Person",
        handle=name,
        name=name.title(),
        url=None,
        inbox=f"{uri}/inbox",
        shared_inbox=f"https://{host}/inbox",
        moved_to=None,
        keys=(),
    )


async def say(
    session: AsyncSession, key: Key, *, present: bool = True, held: bool = False, now: datetime
) -> None:
    """The last signed word of somebody, without its effect on counts."""
    session.add(
        Register(
            subject_id=key.subject_id,
            kind=key.kind,
            actor_id=key.actor_id,
            present=present,
            held=held,
            signed_at=now,
        )
    )
    await session.flush()
