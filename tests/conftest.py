"""What tests are given: databases of both kinds, a clock, the fediverse, and the real application."""

import functools
import gc
import socket
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web, web_app
from aiohttp.test_utils import TestClient
from hypothesis import HealthCheck, settings

from fedicause import app
from fedicause.instance import Instance
from fedicause.web.cached import Shelf
from fedicause.web.keys import SHELF
from storage import campaigns
from storage.models import Campaign
from tests import coalitions, components, databases, order, ours, postgres, scratch, statements
from tests.clock import Clock
from tests.door import Door
from tests.fediverse import Fediverse

# The front door as a test sees it.
Client = TestClient[web.Request, web.Application]


def pytest_configure() -> None:
    scratch.choose()
    statements.keep()
    # How long something takes says little on a busy machine.
    settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=order.place)


def pytest_collection_finish() -> None:
    """The collector need not walk over all that lives as long as the process, as in production."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> order.Files:
    return order.Files(config, log)


@pytest.fixture(autouse=True)
def _applications_are_forgotten() -> Iterator[None]:
    """aiohttp remembers a thousand applications with all that they hold, which slows every later test."""
    yield
    web_app._cached_build_middleware.cache_clear()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> databases.Templates:
    return databases.Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture(scope="session")
def postgresql_cluster(templates: databases.Templates) -> Iterator[postgres.Cluster]:
    """The throw-away PostgreSQL of this session."""
    with postgres.running(components.postgresql()) as cluster:
        templates.cluster = cluster
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> databases.Dialect:
    """Every test that touches a database runs on both kinds.

    For one alone: `@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)`.
    """
    if request.param == "postgresql":
        request.getfixturevalue("postgresql_cluster")
    kind: databases.Dialect = request.param
    return kind


@pytest.fixture
def database_url(dialect: databases.Dialect, templates: databases.Templates, tmp_path: Path) -> Iterator[str]:
    """A fresh migrated database."""
    with templates.copy(dialect, "migrated", tmp_path) as url:
        yield url


@pytest.fixture
def initialised_url(
    request: pytest.FixtureRequest,
    dialect: databases.Dialect,
    templates: databases.Templates,
    tmp_path: Path,
) -> Iterator[str]:
    """A fresh database with an organisation in it, and with the campaign when the test asks for that too."""
    state: databases.State = "campaign" if "campaign" in request.fixturenames else "initialised"
    with templates.copy(dialect, state, tmp_path) as url:
        yield url


@pytest.fixture
async def fediverse(clock: Clock) -> AsyncIterator[Fediverse]:
    """The other servers: with https, names, and addresses that look public."""
    world = Fediverse(clock)
    yield world
    await world.close()


@pytest.fixture
def key_wait() -> float:
    """Seconds that a request waits for a cold key."""
    return ours.PATIENT


@pytest.fixture
async def instance(
    initialised_url: str,
    templates: databases.Templates,
    tmp_path: Path,
    clock: Clock,
    fediverse: Fediverse,
    key_wait: float,
) -> AsyncIterator[Instance]:
    """The Friends of the Old Forest at https://ours.test, as in production."""
    settings = ours.settings_for(initialised_url, tmp_path, secret=templates.secret, key_wait=key_wait)
    async with app.open_instance(settings, now=clock.now, **fediverse.doors) as opened:
        yield opened


@pytest.fixture
async def campaign(instance: Instance) -> Campaign:
    """The published campaign `forest`."""
    async with instance.database.reading() as session:
        found = await campaigns.by_slug(session, "forest")
    assert found is not None
    return found


def application(instance: Instance) -> web.Application:
    """The whole application; what it shows for a while ages by the clock of the test."""
    built = app.web_app(instance)
    built[SHELF] = Shelf(clock=lambda: instance.now().timestamp())
    return built


@pytest.fixture
async def client(instance: Instance, fediverse: Fediverse) -> AsyncIterator[Client]:
    """The application on loopback; what the fediverse sends to https://ours.test arrives there."""
    async with TestClient(Door(application(instance))) as opened:
        fediverse.homes[instance.settings.url] = str(opened.make_url("")).rstrip("/")
        yield opened


@pytest.fixture
async def dev_fediverse(clock: Clock) -> AsyncIterator[Fediverse]:
    """The other servers as they are in development mode: plain http at ports of 127.0.0.1."""
    world = Fediverse(clock, dev=True)
    yield world
    await world.close()


@pytest.fixture
def written_url(dialect: databases.Dialect, templates: databases.Templates, tmp_path: Path) -> Iterator[str]:
    """A fresh database with an organisation in it, and with the draft of its campaign."""
    with templates.copy(dialect, "written", tmp_path) as url:
        yield url


@pytest.fixture
async def dev_instance(
    written_url: str, templates: databases.Templates, tmp_path: Path, clock: Clock
) -> AsyncIterator[Instance]:
    """The same organisation and campaign in development mode, at a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    settings = ours.settings_for(written_url, tmp_path, url=url, secret=templates.secret)
    async with ours.changing(settings) as session:
        await ours.move(session, settings.host)
    await ours.publish_forest(settings, now=clock.now())
    async with app.open_instance(settings, now=clock.now) as opened:
        yield opened


@pytest.fixture
async def dev_client(dev_instance: Instance) -> AsyncIterator[Client]:
    port = int(dev_instance.settings.host.rpartition(":")[2])
    async with TestClient(Door(application(dev_instance), host="127.0.0.1", port=port)) as opened:
        yield opened


@pytest.fixture
def dialects(request: pytest.FixtureRequest) -> Sequence[databases.Dialect]:
    """The databases of several organisations, in turn: one has this, the next has that, as it is in life.

    Which kind comes first the name of the test decides, for some have it one way and some the other.
    """
    both: list[databases.Dialect] = ["sqlite", "postgresql"]
    return both[:: -1 if zlib.crc32(request.node.name.encode()) % 2 else 1]


@pytest.fixture
def instances(
    request: pytest.FixtureRequest,
    dialects: Sequence[databases.Dialect],
    templates: databases.Templates,
    tmp_path: Path,
) -> coalitions.Instances:
    """Opens several organisations of ours at once: `async with instances(3) as (org, ally, river)`."""
    if "postgresql" in dialects:
        request.getfixturevalue("postgresql_cluster")
    for dialect in dialects:
        templates.make(dialect, "written")
    return functools.partial(coalitions.instances, dialects=dialects, templates=templates, directory=tmp_path)
