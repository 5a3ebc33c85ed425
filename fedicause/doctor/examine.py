"""Everything that the doctor looks at, side by side, each look for a few seconds at most."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import check, seal
from fedicause.doctor import certificate, clock, machine, mail, names, outside, store
from fedicause.doctor.surroundings import Surroundings
from fedicause.finding import Finding
from fedicause.seal import Seal
from fedicause.settings import Settings
from fedicause.urls import Urls
from storage import hosts, local_actors
from storage.database import Database

log = logging.getLogger(__name__)

GROUPS: Final = ("instance", "names", "outside", "clock", "mail", "machine", "database", "coalition")
PATIENCE: Final = 15.0
"""Seconds for one look; whatever it asks has less."""
COUNTING: Final = 60.0
"""Seconds for what counts rows."""
Look = Coroutine[Any, Any, list[Finding]]


class _Known(Struct, frozen=True):
    """What the database says of us and of others; nothing where it can't be read."""

    own: outside.Own | None = None
    origins: tuple[str, ...] = ()


async def everything(
    settings: Settings, through: Surroundings, *, has_database: bool, offline: bool
) -> list[Finding]:
    """All findings, by group. `offline`: of this machine and its database alone."""
    first = await check.before_opening(settings, has_database=has_database)
    is_usable = all(each.state != "problem" for each in first if each.name == "schema")
    local = [
        _bounded("machine", "machine", _machine(settings, through)),
        *([_bounded("database", "rows", _rows(settings, through), COUNTING)] if is_usable else []),
        *([_bounded("database", "database", store.look(settings, through))] if has_database else []),
    ]
    far = [] if offline or settings.dev else [_far(settings, through, is_usable=is_usable)]
    looked = await asyncio.gather(*local, *far)
    found = [*first, *(each for listed in looked for each in listed)]
    return sorted(found, key=lambda each: GROUPS.index(each.group))


async def _far(settings: Settings, through: Surroundings, *, is_usable: bool) -> list[Finding]:
    known = await _known(settings) if is_usable else _Known()
    looked = await asyncio.gather(
        _bounded("names", "dns", names.look(settings, through)),
        _bounded("outside", "certificate", certificate.look(settings, through)),
        _bounded("outside", "answer", outside.look(settings, through, _seal(settings), known.own)),
        _bounded("clock", "time", clock.look(known.origins, through)),
        _bounded("mail", "mail", mail.look(settings, through)),
    )
    return [each for listed in looked for each in listed]


async def _bounded(group: str, name: str, look: Look, seconds: float = PATIENCE) -> list[Finding]:
    """What a look finds; that it did not come to an end is a finding too."""
    try:
        async with asyncio.timeout(seconds):
            return list(_grouped(group, await look))
    except TimeoutError:
        text = f"could not be looked at within {seconds:.0f} seconds"
        return [Finding(name, "warning", text, "try again; is something here very busy?", group)]
    except Exception as error:  # one look that breaks must not hide what the others find
        log.debug("a look broke", exc_info=True)
        text = f"could not be looked at ({type(error).__name__})"
        return [Finding(name, "warning", text, "tell those who make fedicause", group)]


def _grouped(group: str, found: Iterable[Finding]) -> Iterable[Finding]:
    return (each if each.group == "coalition" else replace(each, group=group) for each in found)


async def _machine(settings: Settings, through: Surroundings) -> list[Finding]:
    return await asyncio.to_thread(machine.look, settings, proc=through.proc, now=through.now())


async def _rows(settings: Settings, through: Surroundings) -> list[Finding]:
    database = Database(settings.database)
    try:
        async with database.reading() as session:
            return await check.opened(session, settings, now=through.now())
    finally:
        await database.close()


async def _known(settings: Settings) -> _Known:
    database = Database(settings.database)
    try:
        async with asyncio.timeout(5), database.reading() as session:
            return _Known(await _own(session, settings), await _origins(session, settings))
    except (SQLAlchemyError, OSError, TimeoutError, local_actors.NotInitialised):
        return _Known()
    finally:
        await database.close()


async def _own(session: AsyncSession, settings: Settings) -> outside.Own:
    _, actor = await local_actors.organisation(session)
    return outside.Own(actor.name, Urls(settings.url).actor(actor.name, actor.kind), actor.rsa_public)


async def _origins(session: AsyncSession, settings: Settings) -> tuple[str, ...]:
    lately = await hosts.lately(session, limit=clock.ASKED)
    return tuple(f"https://{name}" for name in lately if name != settings.host)


def _seal(settings: Settings) -> Seal | None:
    try:
        return seal.load(settings.secret_file)
    except (OSError, ValueError):
        return None
