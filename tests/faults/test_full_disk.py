"""A disk without room: nothing taken is lost, nothing half-written stays, and it goes on when there is."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from msgspec.structs import replace
from PIL import Image
from sqlalchemy import func, select

from fedicause import app, check
from fedicause.instance import Instance
from fedicause.letters import post
from storage import migrations
from storage.people_models import Letter
from tests import components, correspondence, ours
from tests.clock import Clock
from tests.conftest import Client
from tests.door import Door
from tests.fediverse import Fediverse
from tests.process import CommandFailed, Process

MEGABYTE = 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small one of its own."""
    if os.geteuid() != 0:
        components.missing("the right to mount a disk")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["/bin/umount", "-l", place], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Has no room left on the disk, not for one page."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    try:
        yield
    finally:
        filler.unlink()


@pytest.fixture
async def instance(disk: Path, clock: Clock, fediverse: Fediverse) -> AsyncIterator[Instance]:
    """All that it has is on that disk."""
    given = ours.settings_for(f"sqlite:///{disk / 'fedicause.db'}", disk)
    given.data.mkdir()
    await migrations.upgrade(given.database)
    await ours.begin(given, now=clock.now())
    await ours.write_forest(given, now=clock.now())
    await ours.publish_forest(given, now=clock.now())
    async with app.open_instance(given, now=clock.now, **fediverse.doors) as opened:
        yield opened


@pytest.fixture
async def client(instance: Instance, fediverse: Fediverse) -> AsyncIterator[Client]:
    async with TestClient(Door(app.web_app(instance))) as opened:
        fediverse.homes[instance.settings.url] = str(opened.make_url("")).rstrip("/")
        yield opened


async def test_what_is_taken_is_kept_and_the_rest_is_told_to_come_again(
    disk: Path, instance: Instance, client: Client, fediverse: Fediverse
) -> None:
    server = await fediverse.server()
    people = [await server.person(f"p{number}", algorithm="ed25519") for number in range(40)]
    note = f"{instance.settings.url}/campaigns/forest"
    assert (await people[0].like(note)).status == 202
    with filled(disk):
        answers = [await person.like(note) for person in people[1:]]
        taken = sum(answer.status == 202 for answer in answers)
        assert {answer.status for answer in answers} <= {202, 429}
        assert taken < len(answers) - 1
        assert answers[-1].headers["Retry-After"] == "30"
        async with client.get("/readyz") as ready:
            assert (ready.status, await ready.text()) == (503, "There is no room on the disk.\n")
        # Who only reads is not concerned.
        async with client.get("/api/campaigns/forest/support") as shown:
            assert (shown.status, (await shown.json())["endorsements"]) == (200, 1 + taken)
    async with client.get("/readyz") as ready:
        assert ready.status == 200
    for person, answer in zip(people[1:], answers, strict=True):
        if answer.status == 429:
            assert (await person.like(note)).status == 202
    await asyncio.sleep(1.1)
    async with client.get("/api/campaigns/forest/support") as shown:
        assert (await shown.json())["endorsements"] == len(people)
    async with instance.database.reading() as session:
        found = await check.opened(session, instance.settings, now=instance.now())
    assert [each.text for each in found if each.name == "counts" and each.state != "ok"] == []


async def test_letters_wait_for_room(disk: Path, instance: Instance, tmp_path: Path, clock: Clock) -> None:
    # The database elsewhere, so that what came of the letters can be written
    given = replace(instance.settings, database=f"sqlite:///{tmp_path / 'fedicause.db'}")
    await migrations.upgrade(given.database)
    await ours.begin(given, now=clock.now())
    async with app.open_instance(given, now=clock.now) as there:
        for _ in range(3):
            await correspondence.write(there, "bob@mail.example")
        with filled(disk):
            await post.round(there)
            assert list((disk / "data").rglob("*.eml")) == list((disk / "data").rglob("*.part")) == []
        clock.advance(timedelta(hours=1).total_seconds())
        await post.round(there)
        async with there.database.reading() as session:
            waiting = await session.scalar(select(func.count()).where(Letter.ended_at.is_(None)))
    assert (len(list((disk / "data" / "mail").glob("*.eml"))), waiting) == (3, 0)


async def test_commands_say_so_and_leave_nothing_half_done(disk: Path, tmp_path: Path) -> None:
    subject = Process(disk, database=f"sqlite:///{disk / 'data' / 'fedicause.db'}")
    await subject.set_up()
    Image.effect_noise((400, 400), 90).save(tmp_path / "hill.png")
    text = ours.FOREST.replace("slug: forest", f"slug: hill\npicture: {tmp_path / 'hill.png'}")
    (tmp_path / "hill.md").write_text(text)
    backup = disk / "backups" / "today.tar"
    with filled(disk):
        for command in (("backup", str(backup)), ("campaign", "new", str(tmp_path / "hill.md"))):
            with pytest.raises(CommandFailed) as failed:
                await subject.command(*command)
            assert "Traceback" not in str(failed.value)
            assert "fedicause: " in str(failed.value)
        assert [
            each for each in disk.rglob("*") if each.name.endswith(".part") or "backup-" in each.name
        ] == []
        assert not backup.exists()
    await subject.command("campaign", "new", str(tmp_path / "hill.md"))
    await subject.command("backup", str(backup))
    assert backup.exists()
