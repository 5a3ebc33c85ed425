"""Who signed is in clear nowhere on the disk, and once erased nowhere at all: databases, logs, backups."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from federation import sketches
from fedicause import seal
from tests import components, databases, wire
from tests.faults.nursery import Forked
from tests.mailbox import Reader
from tests.postbox import open_postbox
from tests.process import Process

ADDRESS = "Mathilde.Kranz+petition@post.example"
NAME = "Mathilde Kranzler"
REASON = "My grandmother planted the third oak."


@asynccontextmanager
async def running(directory: Path, database: str | None) -> AsyncIterator[tuple[Process, Reader]]:
    process = Forked(directory, database=database)
    async with open_postbox() as post, Reader(process, post) as reader:
        process.environment["FEDICAUSE_SMTP"] = post.url
        await process.set_up()
        await process.start()
        try:
            yield process, reader
        finally:
            await process.stop()


async def kept(process: Process, templates: databases.Templates, database: str | None) -> dict[str, bytes]:
    """All that is on the disk of this instance, but for its secret; of PostgreSQL what a dump shows."""
    found = {
        str(path.relative_to(process.directory)): path.read_bytes()
        for path in process.directory.rglob("*")
        if path.is_file() and path.name != "secret"
    }
    if database is not None:
        assert templates.cluster is not None
        dump = await asyncio.create_subprocess_exec(
            str(components.postgresql() / "pg_dump"), "--inserts", database, stdout=asyncio.subprocess.PIPE
        )
        found["dump"], _ = await dump.communicate()
        assert dump.returncode == 0
    return found


def where(kept: dict[str, bytes], wanted: dict[str, bytes]) -> list[tuple[str, str]]:
    return [(file, what) for file, content in kept.items() for what in sorted(wire.search(content, wanted))]


def blinded(process: Process) -> bytes:
    """The keyed hash by which she is found again."""
    opened = seal.load(process.directory / "data" / "secret")
    return opened.blind("mail address", sketches.canonical(ADDRESS).encode())


@pytest.mark.timeout(180)
async def test_who_signed_is_in_clear_nowhere_and_erased_everywhere(
    database_url: str, dialect: str, templates: databases.Templates, tmp_path: Path
) -> None:
    database = database_url if dialect == "postgresql" else None
    directory = tmp_path / "ours"
    directory.mkdir()
    async with running(directory, database) as (process, mathilde):
        path = "/campaigns/forest"
        given = {"name": NAME, "mail": ADDRESS, "country": "DE", "reason": REASON, "shown": "initials"}
        await mathilde.sign(path, **given)
        assert (await process.support())["signatures"] == 1
        # She signs again, asks for her page, mistypes the password of the staff, and is in a backup.
        await mathilde.prove_and_send(path, f"{path}/signatures", **given)
        await mathilde.prove_and_send("/me", "/me", mail=ADDRESS)
        door = await mathilde.link(2, "me")
        assert ADDRESS in await mathilde.get(door)
        await process.command("backup", str(directory / "kept.tar"))
        wanted = wire.traces([ADDRESS], [*NAME.split(), "grandmother"], [])
        found = await kept(process, templates, database)
        hers = {"her keyed hash": blinded(process)}
        assert where(found, hers)
        assert where(found, wanted) == []
        (directory / "kept.tar").unlink()
        await mathilde.send(f"{door}/erase", sure="yes")
        assert (await process.support())["signatures"] == 0
    found = await kept(process, templates, database)
    assert where(found, wanted | hers) == []
