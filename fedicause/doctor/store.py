"""Whether the database is whole and has room: its file, or its server."""

import asyncio
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from fedicause import running
from fedicause.doctor.surroundings import Surroundings
from fedicause.finding import Finding
from fedicause.settings import Settings
from storage import condition
from storage.database import Database

OLDEST: Final = 13
"""Of PostgreSQL: what is older gets no repairs any more."""
A_PROCESS: Final = 15
"""Connections that one process may open."""
CHECKING: Final = 5.0
REACHING: Final = 8.0


async def _file(settings: Settings) -> list[Finding]:
    file = running.database_file(settings)
    if file is None or not file.is_file():
        return []
    damage = await condition.damage(file, seconds=CHECKING)
    if damage is None:
        text = f"nothing wrong in the first {CHECKING:.0f} seconds; it is too large to be read to its end now"
        return [Finding("database", "ok", f"{file}: {text}")]
    if damage:
        advice = (
            "stop the server, keep a copy of the file, and restore the newest backup: `fedicause restore`"
        )
        return [Finding("database", "problem", f"{file} is damaged: {damage}", advice)]
    return [Finding("database", "ok", f"{file}: {file.stat().st_size / 1e6:,.1f} MB, whole")]


async def _server(settings: Settings, through: Surroundings) -> list[Finding]:
    database = Database(settings.database)
    try:
        async with asyncio.timeout(REACHING), database.reading() as session:
            server = await condition.server(session)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        text = f"the database can't be reached ({type(error).__name__})"
        advice = "systemctl start postgresql; look at FEDICAUSE_DATABASE: host, name, user, password"
        return [Finding("database", "problem", text, advice)]
    finally:
        await database.close()
    found = [_version(server), _room(server)]
    drift = (server.now - through.now()).total_seconds()
    if abs(drift) > 30:
        text = f"its server's clock is {abs(drift):,.0f} seconds {'ahead of' if drift > 0 else 'behind'} ours"
        found.append(Finding("database clock", "warning", text, "let NTP set the clocks of both machines"))
    return found


def _version(server: condition.Server) -> Finding:
    major = server.version // 10000
    if major < OLDEST:
        text = f"PostgreSQL {major} gets no repairs any more"
        return Finding("database", "warning", text, "move to a newer one (Debian: pg_upgradecluster)")
    return Finding("database", "ok", f"PostgreSQL {major} answers")


def _room(server: condition.Server) -> Finding:
    shown = f"{server.used:,} of {server.most:,} connections are in use"
    if server.most - server.used < A_PROCESS:
        advice = f"a process takes up to {A_PROCESS}: raise max_connections in postgresql.conf, or run fewer"
        return Finding("connections", "warning", shown, advice)
    return Finding("connections", "ok", shown)


async def look(settings: Settings, through: Surroundings) -> list[Finding]:
    """Of the file (SQLite) or the server (PostgreSQL)."""
    if settings.database.startswith("sqlite"):
        return await _file(settings)
    return await _server(settings, through)
