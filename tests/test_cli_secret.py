"""The secret is changed: everything opens with the new one, nothing with the old, and nobody is lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from click.testing import CliRunner, Result
from sqlalchemy import update

from fedicause import app, mail, reseal, seal
from fedicause.cli import main
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.letters import mailing
from fedicause.seal import Seal, WrongSecret
from fedicause.settings import Settings
from fedicause.signing import remind
from storage import people, sealed
from storage.people_models import Person
from tests import databases, forms, letters, ours
from tests.clock import Clock
from tests.conftest import Client, application
from tests.door import Door
from tests.fediverse import Fediverse
from tests.mailboxes import crowd
from tests.process import Process


@pytest.fixture
def settings(
    dialect: databases.Dialect, templates: databases.Templates, tmp_path: Path
) -> Iterator[Settings]:
    """An instance with a campaign, and a secret that is its own."""
    with templates.copy(dialect, "campaign", tmp_path) as url:
        secret = tmp_path / "secret"
        secret.write_bytes(templates.secret.read_bytes())
        secret.chmod(0o600)
        yield ours.settings_for(url, tmp_path, secret=secret)


@asynccontextmanager
async def serving(
    settings: Settings, clock: Clock, world: Fediverse
) -> AsyncIterator[tuple[Instance, Client]]:
    async with (
        app.open_instance(settings, now=clock.now, **world.doors) as instance,
        TestClient(Door(application(instance))) as client,
    ):
        yield instance, client


async def rotate(settings: Settings, *words: str, status: int = 0) -> Result:
    environment = {
        "FEDICAUSE_URL": settings.url,
        "FEDICAUSE_DATABASE": settings.database,
        "FEDICAUSE_DATA": str(settings.data),
        "FEDICAUSE_SECRET_FILE": str(settings.secret_file),
    }
    command = ("secret", "rotate", *words)
    result = await asyncio.to_thread(CliRunner().invoke, main, command, env=environment)
    assert result.exit_code == status, result.output
    return result


async def values(instance: Instance) -> list[bytes]:
    """Whatever is sealed, of every table."""
    async with instance.database.reading() as session:
        return [
            row[name]
            for each in sealed.tables()
            for row in await sealed.after(session, each, None, 1000)
            for name in each.columns
            if row[name]
        ]


def opens(with_this: Seal, given: bytes) -> bool:
    try:
        with_this.open(given)
    except WrongSecret:
        return False
    return True


async def token_of(instance: Instance, address: str) -> str:
    """What ends the news to this address."""
    async with instance.database.reading() as session:
        known = await people.by_blinds(session, [instance.seal.blind("mail address", address.encode())])
        (person,) = known.values()
        return mailing.token(Here.at(instance), person.id, person.blind)


@pytest.mark.parametrize("compromised", [False, True])
async def test_all_is_sealed_anew_and_people_are_found_again(
    settings: Settings, clock: Clock, fediverse: Fediverse, compromised: bool
) -> None:
    old = seal.load(settings.secret_file)
    async with serving(settings, clock, fediverse) as (instance, client):
        for name in ("bob", "carol", "dave"):
            await forms.sign(client, name=name.title(), mail=f"{name}@mail.example", reason="It is old.")
        waiting = {each.to.partition("@")[0]: each for each in await letters.waiting(instance)}
        assert (await forms.post(client, f"/confirm/{waiting['bob'].token()}", {})).status == 303
        ending = await token_of(instance, "bob@mail.example")
        before = await values(instance)
    said = (await rotate(settings, *(["--compromised"] if compromised else []))).stdout
    assert f"{settings.secret_file}" in said
    assert "left as they are" not in said
    assert settings.secret_file.stat().st_mode & 0o777 == 0o600
    new = seal.load(settings.secret_file)
    async with serving(settings, clock, fediverse) as (instance, client):
        after = await values(instance)
        assert len(after) == len(before) > 10
        assert all(opens(new, each) and not opens(old, each) for each in after)
        assert [new.open(each) for each in after] == [old.open(each) for each in before]
        # Bob is known again: he gets a letter, and no second signature.
        clock.advance(3600)
        await forms.sign(client, name="Bob", mail="Bob@mail.example")
        assert (await letters.waiting(instance, "bob@mail.example"))[-1].kind == "known"
        # The link of a letter that was sent before opens as long as the old secret opens nothing else.
        answer = await forms.post(client, f"/confirm/{waiting['carol'].token()}", {})
        assert answer.status == (404 if compromised else 303)
        async with instance.database.writing() as session:
            assert await mailing.is_known(session, Here.at(instance), ending) != compromised
        clock.advance(timedelta(days=8).total_seconds())
        async with instance.database.writing() as session:
            await remind.remind(session, Here.at(instance), 100)
        reminder = (await letters.waiting(instance, "dave@mail.example"))[-1]
        assert reminder.kind == "remind"
        assert (await forms.post(client, f"/confirm/{reminder.token()}", {})).status == 303


@pytest.mark.parametrize("compromised", [False, True])
async def test_an_interrupted_change_goes_on_where_it_was(
    settings: Settings, clock: Clock, fediverse: Fediverse, compromised: bool
) -> None:
    async with serving(settings, clock, fediverse) as (instance, _):
        await crowd(instance, 50)
    seal.begin_change(settings.secret_file, compromised=compromised)

    class Cut(Exception):
        """The power went."""

    def told(done: int, total: int) -> None:
        if done > total / 2:
            raise Cut

    async with app.open_instance(settings, now=clock.now, **fediverse.doors) as instance:
        assert instance.seal.is_changing

        async def change(work: Any) -> Any:
            async with instance.database.writing() as session:
                return await work(session)

        with pytest.raises(Cut):
            await reseal.everything(instance, change, told=told, at_once=7)
        # Whatever was done and whatever was not can be read.
        assert all(opens(instance.seal, each) for each in await values(instance))
    environment = {"FEDICAUSE_URL": settings.url, "FEDICAUSE_DATABASE": settings.database}
    environment |= {"FEDICAUSE_SECRET_FILE": str(settings.secret_file), "FEDICAUSE_DEV": None}  # type: ignore[dict-item]
    refused = await asyncio.to_thread(CliRunner().invoke, main, ("serve",), env=environment)
    assert (refused.exit_code, "fedicause secret rotate" in refused.stderr) == (1, True)
    await rotate(settings)
    new = seal.load(settings.secret_file)
    assert not new.is_changing
    async with app.open_instance(settings, now=clock.now, **fediverse.doors) as instance:
        assert all(opens(new, each) for each in await values(instance))
        async with instance.database.reading() as session:
            rows = await sealed.after(session, _people(), None, 100)
            addresses = {row["id"]: mail.address(new.open(row["address_sealed"]).decode()) for row in rows}
            hashes = {new.blind("mail address", each.encode()) for each in addresses.values()}
            found = await people.by_blinds(session, hashes)
        # `crowd` writes hashes of its own, which only a compromised secret has replaced.
        assert len(found) == (50 if compromised else 0)


async def test_an_address_that_two_people_have_is_in_nobodys_way(
    settings: Settings, clock: Clock, fediverse: Fediverse
) -> None:
    async with serving(settings, clock, fediverse) as (instance, _):
        await crowd(instance, 3)
        async with instance.database.writing() as session:
            await session.execute(
                update(Person).values(address_sealed=instance.seal.close(b"bob@mail.example"))
            )
    await rotate(settings, "--compromised")
    async with serving(settings, clock, fediverse) as (instance, _):
        bob = instance.seal.blind("mail address", b"bob@mail.example")
        async with instance.database.reading() as session:
            assert len(await people.by_blinds(session, [bob])) == 1
            assert len({row["id"] for row in await sealed.after(session, _people(), None, 9)}) == 3


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_it_is_refused_while_a_server_runs(settings: Settings, tmp_path: Path) -> None:
    # Takes as long as a server takes to start.
    server = Process(tmp_path, database=settings.database)
    server.environment["FEDICAUSE_SECRET_FILE"] = str(settings.secret_file)
    before = settings.secret_file.read_bytes()
    await server.start("--no-work")
    try:
        assert "systemctl stop" in (await rotate(settings, status=1)).stderr
    finally:
        await server.stop()
    assert settings.secret_file.read_bytes() == before


def _people() -> sealed.Sealed:
    return next(each for each in sealed.tables() if each.table.name == "people")
