"""What the doctor finds on the machine: disk, files, processes, the database, the clock, and its command."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner
from sqlalchemy import update

from fedicause import running, settings
from fedicause.cli import Office, main
from fedicause.doctor import clock as clocks
from fedicause.doctor import machine, store
from fedicause.doctor.surroundings import Surroundings
from fedicause.finding import Finding
from fedicause.instance import Instance
from storage import hosts
from storage.models import Host
from tests import databases
from tests.doctor.conftest import Patient
from tests.process import Process

NOW = datetime.now(UTC)
PROC = Path("/proc")

only_sqlite = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 MB, with its files in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    if (
        os.geteuid()
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", place],  # noqa: S607
            check=False,
            capture_output=True,
        ).returncode
    ):
        pytest.skip("only root mounts a file system")
    yield place
    subprocess.run(["umount", "-l", place], check=True)  # noqa: S607


@only_sqlite
def test_a_disk_that_fills_up_is_told_before_it_is_full(patient: Patient, small_disk: Path) -> None:
    patient.at(data=small_disk / "data", database=f"sqlite:///{small_disk}/fedicause.db")

    def disk() -> tuple[str, str]:
        looked = machine.look(patient.settings, proc=PROC, now=NOW)
        (found,) = (each for each in looked if each.name == "disk")
        return found.state, found.advice

    assert disk()[0] == "warning"
    filler = small_disk / "filler"
    subprocess.run(["fallocate", "-l", "150M", filler], check=True)  # noqa: S607
    assert disk() == ("problem", machine.ROOM)


@only_sqlite
def test_files_that_others_can_read_are_told(patient: Patient) -> None:
    def files() -> tuple[str, str]:
        looked = machine.look(patient.settings, proc=PROC, now=NOW)
        (found,) = (each for each in looked if each.name == "files")
        return found.state, found.advice

    patient.settings.data.mkdir(mode=0o700, exist_ok=True)
    file = running.database_file(patient.settings)
    assert file is not None
    file.chmod(0o600)
    assert files()[0] == "ok"
    for directory in (file.parent, *file.parent.parents):
        if not directory.stat().st_mode & 0o001:
            return  # Nobody else gets past that directory, whatever the file says.
    file.chmod(0o644)
    assert files() == ("warning", f"chmod o= {file}")


@only_sqlite
async def test_a_damaged_database_is_told(patient: Patient, tmp_path: Path) -> None:
    async def state() -> str:
        (found,) = await store.look(patient.settings, patient.through)
        return found.state

    assert await state() == "ok"
    file = running.database_file(patient.settings)
    assert file is not None
    broken = tmp_path / "broken.db"
    whole = await asyncio.to_thread(file.read_bytes)
    page = 4096
    await asyncio.to_thread(broken.write_bytes, whole[: 20 * page] + b"\xff" * 10 * page + whole[30 * page :])
    patient.at(database=f"sqlite:///{broken}")
    assert await state() == "problem"


async def test_the_database_is_looked_at_whichever_it_is(instance: Instance) -> None:
    found = await store.look(instance.settings, Surroundings())
    assert {each.state for each in found} == {"ok"}


@only_sqlite
async def test_two_servers_on_one_sqlite_database_are_told(
    initialised_url: str, templates: databases.Templates, tmp_path: Path
) -> None:
    # Takes as long as two servers take to start.
    servers = [Process(tmp_path, database=initialised_url) for _ in range(2)]
    for each in servers:
        each.environment["FEDICAUSE_SECRET_FILE"] = str(templates.secret)
    given = settings.load(servers[0].environment, dotenv=tmp_path / "no.env")

    def found() -> dict[str, Finding]:
        return {each.name: each for each in machine.look(given, proc=PROC, now=NOW)}

    try:
        assert "processes" not in found()
        await asyncio.gather(*(each.start("--no-work") for each in servers))
        assert (found()["processes"].state, "2 processes" in found()["processes"].text) == ("problem", True)
        await servers[1].stop()
        assert found()["processes"].state == "ok"
    finally:
        for each in servers:
            await each.stop()


@only_sqlite
@pytest.mark.parametrize(("ahead", "state"), [(5, "ok"), (90, "warning"), (-900, "problem")])
async def test_a_clock_that_differs_from_those_of_others_is_told(
    patient: Patient, ahead: int, state: str
) -> None:
    at = datetime.fromtimestamp(patient.clock.now().timestamp() + ahead, UTC)
    patient.front.own["/.well-known/nodeinfo"] = web.Response(
        headers={"Date": format_datetime(at, usegmt=True)}
    )
    found = (await clocks.look(["https://ours.test"], patient.through))[0]
    assert (found.name, found.state) == ("time", state)


@only_sqlite
async def test_the_command_looks_from_outside_and_its_status_says_whether_all_is_well(
    patient: Patient, instance: Instance
) -> None:
    class Elsewhere(Office):
        """A desk from which the names of the test are found."""

        @property
        def surroundings(self) -> Surroundings:
            return patient.through

    async with instance.database.writing() as session:
        await hosts.ensure(session, ["ours.test"], instance.now())
        await session.execute(update(Host).values(last_answer_at=instance.now()))
    given = patient.settings
    environment = {
        "FEDICAUSE_URL": given.url,
        "FEDICAUSE_DATABASE": given.database,
        "FEDICAUSE_DATA": str(given.data),
        "FEDICAUSE_SECRET_FILE": str(given.secret_file),
        "FEDICAUSE_SMTP": None,
        "FEDICAUSE_DEV": None,
    }

    async def doctor(*words: str, status: int = 0) -> str:
        result = await asyncio.to_thread(
            CliRunner().invoke, main, ("doctor", *words), env=environment, obj=Elsewhere()
        )
        assert result.exit_code == status, result.output
        return result.output

    assert "WRONG" not in await doctor()
    patient.front.host = "inner.test"
    assert "→ let it pass on Host" in await doctor(status=1)
    checks = json.loads(await doctor("--json", status=1))["checks"]
    assert {"group", "name", "state", "text", "advice"} == checks[0].keys()
    assert "proxy" not in await doctor("--offline")
    environment["FEDICAUSE_URL"] = "https://campaigns.example.org"
    environment["FEDICAUSE_DEV"] = "1"
    assert "unset FEDICAUSE_DEV" in await doctor(status=1)
