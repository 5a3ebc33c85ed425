"""The composition root: puts an instance together from its settings, and runs it."""

import asyncio
import logging
import signal
import ssl as tls
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import uvloop
from aiohttp import abc, web

from federation import addresses
from federation.remote import Remote
from fedicause import __version__, collector, keyring, listening, seal, systemd, work
from fedicause.hints import Hints
from fedicause.instance import Instance
from fedicause.receive import Receiver
from fedicause.settings import Settings
from fedicause.urls import Urls
from fedicause.watching import logs, reporting
from fedicause.web import (
    admin,
    arrival,
    errors,
    headers,
    inbox,
    leaving,
    measure,
    operating,
    pages,
    site,
)
from fedicause.web.inbox import RECEIVER
from fedicause.web.keys import INSTANCE
from storage import hosts, local_actors
from storage.database import Database, seldom

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def open_instance(
    settings: Settings,
    *,
    now: Callable[[], datetime] = utc_now,
    resolver: abc.AbstractResolver | None = None,
    ssl: tls.SSLContext | None = None,
    dial: addresses.Dial = addresses.dial,
) -> AsyncIterator[Instance]:
    """An initialised instance with its connections; raises local_actors.NotInitialised, FileNotFoundError.

    `resolver`, `ssl` and `dial` stand in for the system's names, authorities, and check of each address.
    """
    sealed = seal.load(settings.secret_file)
    urls = Urls(settings.url)
    database = Database(settings.database)
    try:
        with seldom():
            async with database.reading() as session:
                actor = await local_actors.instance(session)
                key = keyring.signing_key(actor, sealed, urls)
                schemes = await hosts.schemes(session)
        async with Remote(
            key=key,
            user_agent=f"fedicause/{__version__} (+{settings.url}/)",
            allow_private=settings.dev,
            now=now,
            schemes=schemes,
            resolver=resolver,
            ssl=ssl,
            dial=dial,
        ) as remote:
            instance = Instance(settings, urls, database, sealed, remote, Hints(), now)
            following = asyncio.create_task(keyring.follow(instance, actor.rsa_sealed), name="keys")
            try:
                yield instance
            finally:
                following.cancel()
                await asyncio.wait({following})
    finally:
        await database.close()


def web_app(instance: Instance) -> web.Application:
    """Everything that answers over HTTP."""
    logs.hush()
    app = web.Application(
        client_max_size=inbox.MOST_BYTES, middlewares=[measure.measured(instance), errors.middleware]
    )
    app[INSTANCE] = instance
    leaving.prepare(app)
    app.on_response_prepare.append(headers.kept_by_nobody)
    pages.prepare(app)
    admin.prepare(app)
    app.cleanup_ctx.append(_receiving)
    for part in (
        inbox,
        operating,
        arrival,
    ):
        app.add_routes(part.routes)
    pages.add_rest(app)
    return app


async def _receiving(app: web.Application) -> AsyncIterator[None]:
    async with Receiver(app[INSTANCE]) as receiver, listening.listening(app[INSTANCE]):
        app[RECEIVER] = receiver
        yield


def serve(settings: Settings, host: str, port: int, *, work_too: bool = True) -> None:
    """Answers requests, and does the queued work too unless told not to, until SIGTERM or SIGINT."""
    _run(_serve(settings, host, port, work_too=work_too))


def work_alone(settings: Settings) -> None:
    """Does the queued work without a web server, until SIGTERM or SIGINT."""
    _run(_work(settings))


def _run(main: Any) -> None:
    # The database's threads must win the interpreter back from a busy event loop: sooner than after 5 ms.
    sys.setswitchinterval(0.0005)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


async def _serve(settings: Settings, host: str, port: int, *, work_too: bool) -> None:
    stop = _stop_on_signals()
    async with open_instance(settings) as instance:
        app = web_app(instance)
        collector.settle()
        # It answers until its work is done, and then leaves: who comes meanwhile waits for nobody.
        async with site.opened(app, host, port, stop=stop) as addresses:
            if settings.dev:
                log.warning(
                    "Development mode: http and private addresses are allowed. Never use it in public."
                )
            log.info("Listening on http://%s for %s", " and ".join(addresses), settings.url)
            instance.meter.role = "serve" if work_too else "web"
            async with asyncio.TaskGroup() as group:
                group.create_task(reporting.run(instance, stop), name="report")
                if work_too:
                    await work.run(instance, receiver=app[RECEIVER], stop=stop)
                else:
                    await stop.wait()


async def _work(settings: Settings) -> None:
    stop = _stop_on_signals()
    async with (
        open_instance(settings) as instance,
        Receiver(instance) as receiver,
        listening.listening(instance),
        asyncio.TaskGroup() as group,
    ):
        collector.settle()
        systemd.tell("READY=1")
        instance.meter.role = "work"
        group.create_task(reporting.run(instance, stop), name="report")
        await work.run(instance, receiver=receiver, stop=stop)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
