"""Whether an instance is in order: what was looked at, what is wrong, and what to do about it."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

from msgspec.structs import replace
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import seal
from fedicause.coalition import survey
from fedicause.finding import Finding
from fedicause.settings import Settings
from fedicause.urls import Urls
from storage import campaigns, counts, letters, local_actors, migrations, queues

OVERDUE: Final = timedelta(minutes=10)
LETTERS_OVERDUE: Final = timedelta(hours=1)
LONG_QUEUE: Final = 100_000
CLOCK_ERROR: Final = timedelta(minutes=5)
REACHING: Final = 8.0
"""Seconds that a database has to answer."""
# Top-level names that lead nowhere in public (RFC 2606, RFC 6762, RFC 8375, and what ICANN keeps for it).
_PRIVATE_NAMES: Final = frozenset({"test", "example", "invalid", "localhost", "local", "internal", "arpa"})


async def before_opening(settings: Settings, *, has_database: bool) -> list[Finding]:
    """What settings, secret file and schema show, without a row of the database."""
    found = [_url(settings)]
    if not has_database:
        return [*found, Finding("schema", "problem", "there is no database yet", "run `fedicause init`")]
    return [*found, _secret(settings), await _schema(settings)]


async def opened(session: AsyncSession, settings: Settings, *, now: datetime) -> list[Finding]:
    """What the rows of a current database say."""
    return [finding async for finding in _opened(session, settings, now)]


async def _opened(session: AsyncSession, settings: Settings, now: datetime) -> AsyncIterator[Finding]:
    try:
        actor = await local_actors.instance(session)
        organisation, _ = await local_actors.organisation(session)
    except local_actors.NotInitialised:
        yield Finding("organisation", "problem", "there is none yet", "run `fedicause init`")
        return
    yield Finding("organisation", "ok", organisation.name)
    yield _same_host(settings, actor.name)
    yield _opens(settings, actor.rsa_sealed)
    yield _clock(await queues.latest(session), now)
    yield _counts([each for each in await counts.recount(session) if not each.agrees])
    yield _pictures(settings, await campaigns.pictures(session))
    standings = await queues.standings(session, now=now)
    yield _deliveries(standings["deliveries"], await queues.given_up(session, now=now), now)
    yield _parked(standings["parked"], now)
    yield _letters(settings, await letters.longest_waiting(session), now)
    for finding in await survey.coalition(session, Urls(settings.url), now=now):
        yield replace(finding, group="coalition")


async def repair(session: AsyncSession, *, now: datetime) -> list[str]:
    """Sets the counts that disagree to what was said and signed; returns the names of their campaigns."""
    await counts.lock(session, alone=True)
    wrong = [each for each in await counts.recount(session) if not each.agrees]
    await counts.replace(session, wrong, now=now)
    return [each.name for each in wrong] + await survey.repair(session, now=now)


def _url(settings: Settings) -> Finding:
    host = urlsplit(settings.url).hostname or ""
    is_name = "." in host and not host.rpartition(".")[2].isdigit()
    if settings.dev:
        is_public = is_name and host.rpartition(".")[2] not in _PRIVATE_NAMES
        return Finding(
            "address",
            "problem" if is_public else "warning",
            f"{settings.url}, in development mode: http and private addresses are allowed",
            "unset FEDICAUSE_DEV before anybody else can reach this",
        )
    if not is_name:
        return Finding(
            "address",
            "problem",
            f"{settings.url} is no public name",
            "set FEDICAUSE_URL to a host that others find",
        )
    return Finding("address", "ok", settings.url)


def _same_host(settings: Settings, name: str) -> Finding:
    if name == settings.host:
        return Finding("host", "ok", name)
    return Finding(
        "host",
        "problem",
        f"this instance began as {name}, and now FEDICAUSE_URL says {settings.host}",
        f"set FEDICAUSE_URL back: other servers know its actors under {name} only",
    )


def _secret(settings: Settings) -> Finding:
    path = settings.secret_file
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return Finding(
            "secret",
            "problem",
            f"{path} is not there",
            "restore it from your backup; keys can't be opened without",
        )
    if mode & 0o077:
        return Finding(
            "secret", "problem", f"{path} can be read by others (mode {mode:04o})", f"chmod 600 {path}"
        )
    if not os.access(path, os.R_OK):
        return Finding(
            "secret", "problem", f"{path} can't be read", "run this as the user that the server runs as"
        )
    return Finding("secret", "ok", f"{path} (mode {mode:04o})")


def _opens(settings: Settings, sealed: bytes) -> Finding:
    try:
        seal.load(settings.secret_file).open(sealed)
    except (OSError, ValueError, seal.WrongSecret):
        return Finding(
            "keys",
            "problem",
            "the secret file does not open the keys",
            "restore the secret that belongs to this database",
        )
    return Finding("keys", "ok", "the secret opens them")


async def _schema(settings: Settings) -> Finding:
    try:
        async with asyncio.timeout(REACHING):
            current = await migrations.is_current(settings.database)
    except (OSError, DBAPIError, TimeoutError) as error:
        return Finding(
            "schema", "problem", f"the database can't be reached ({type(error).__name__})", "start it"
        )
    if current:
        return Finding("schema", "ok", "the newest")
    return Finding("schema", "problem", "not that of this version", "run `fedicause migrate`")


def _clock(latest: datetime | None, now: datetime) -> Finding:
    if latest is not None and latest > now + CLOCK_ERROR:
        return Finding(
            "clock",
            "problem",
            f"it is {now:%Y-%m-%d %H:%M} UTC here, but something happened at {latest:%Y-%m-%d %H:%M}",
            "set the clock by NTP: signatures more than an hour off are refused",
        )
    return Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _counts(wrong: list[counts.Recount]) -> Finding:
    if not wrong:
        return Finding("counts", "ok", "all agree with the registers")
    each = "; ".join(f"{one.name}: {one.stored} instead of {one.counted}" for one in wrong[:5])
    return Finding(
        "counts",
        "problem",
        f"{len(wrong)} disagree with the registers ({each})",
        "run `fedicause doctor --repair`",
    )


def _pictures(settings: Settings, names: list[str]) -> Finding:
    lost = [name for name in names if not (settings.media / name).is_file()]
    if lost:
        return Finding(
            "pictures",
            "problem",
            f"missing in {settings.media}: {', '.join(lost[:5])}",
            "restore them, or `campaign edit`",
        )
    return Finding("pictures", "ok", f"{len(names):,} stored")


def _deliveries(queue: queues.Standing, given_up: int, now: datetime) -> Finding:
    shown = f"{queue.waiting:,} waiting"
    if given_up:
        shown += f", {given_up:,} given up in the last week"
    if _is_overdue(queue, now):
        return _overdue("deliveries", shown, queue)
    if queue.waiting > LONG_QUEUE:
        return Finding(
            "deliveries", "warning", shown, "run more `fedicause work` beside this (PostgreSQL only)"
        )
    return Finding("deliveries", "ok", shown)


def _parked(queue: queues.Standing, now: datetime) -> Finding:
    shown = f"{queue.waiting:,} waiting for their sender's key"
    if _is_overdue(queue, now):
        return _overdue("parked requests", shown, queue)
    return Finding("parked requests", "ok", shown)


def _is_overdue(queue: queues.Standing, now: datetime) -> bool:
    return queue.next_at is not None and now - queue.next_at > OVERDUE


def _overdue(name: str, shown: str, queue: queues.Standing) -> Finding:
    return Finding(
        name,
        "problem",
        f"{shown}, the oldest due since {queue.next_at:%Y-%m-%d %H:%M} UTC",
        "run `fedicause serve` or `fedicause work`; if one is running, look at its log",
    )


def _letters(settings: Settings, longest: letters.Waiting | None, now: datetime) -> Finding:
    if settings.smtp is None:
        state: Literal["ok", "warning"] = "ok" if settings.dev else "warning"
        written = f"written to {settings.data / 'mail'}, and sent to nobody"
        return Finding("letters", state, written, "set FEDICAUSE_SMTP to smtp[s]://user:password@host:port")
    if longest is None:
        return Finding("letters", "ok", "none waits")
    if now - longest.since < LETTERS_OVERDUE:
        return Finding("letters", "ok", f"the oldest waits since {longest.since:%H:%M} UTC")
    error = f" (the mail server: {longest.error})" if longest.error else ""
    return Finding(
        "letters",
        "problem",
        f"the oldest waits since {longest.since:%Y-%m-%d %H:%M} UTC{error}",
        "see `fedicause mail queue`; is `serve` or `work` running, and FEDICAUSE_SMTP right?",
    )
