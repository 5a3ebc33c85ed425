"""Commands that are killed halfway, with kill -9: all of what they do is done, or nothing."""

import asyncio
import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from storage import migrations
from tests import databases
from tests.faults.nursery import Forked, _end_of
from tests.process import CommandFailed

KILLS = 4


class Killed(Forked):
    """Runs commands that do not live to their end."""

    async def killed(self, share: float, *arguments: str) -> bool:
        """Kills a command after this share of the time that it took when it was last let live."""
        process = self._fork(arguments, self.directory / "printed by the killed")
        await asyncio.sleep(share * self.takes[arguments[0]])
        assert process.pid is not None
        was_alive = process.exitcode is None
        os.kill(process.pid, signal.SIGKILL) if was_alive else None
        await _end_of(process)
        return was_alive and process.exitcode == -signal.SIGKILL

    async def lives(self, *arguments: str) -> str:
        began = time.monotonic()
        printed = await self.command(*arguments)
        self.takes[arguments[0]] = time.monotonic() - began
        return printed

    takes: dict[str, float]

    @property
    def path(self) -> Path:
        return self.directory / "data" / "fedicause.db"

    def ask(self, question: str) -> int:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)) as database:
            return int(database.execute(question).fetchone()[0])

    def shares(self) -> list[float]:
        return [(number + random.random()) / KILLS for number in range(KILLS)]


@pytest.fixture
async def subject(tmp_path: Path) -> Killed:
    made = Killed(tmp_path)
    made.takes = {}
    await made.set_up()
    await made.command("sign", "forest", "--count", "2000")
    return made


def parts(directory: Path) -> list[str]:
    return [each.name for each in directory.rglob("*") if ".part" in each.name or ".backup-" in each.name]


async def test_a_backup_is_whole_or_is_not_there(subject: Killed) -> None:
    await subject.lives("backup", str(subject.directory / "first.tar"))
    killed = 0
    for number, share in enumerate(subject.shares()):
        path = subject.directory / f"{number}.tar"
        was_killed = await subject.killed(share, "backup", str(path))
        killed += was_killed
        assert path.exists() is not was_killed or await is_whole(subject, path)
    assert killed
    await subject.command("backup", str(subject.directory / "last.tar"))
    assert parts(subject.directory) == []


async def test_news_are_posted_to_all_or_to_nobody(subject: Killed) -> None:
    path = subject.directory / "news.md"
    await asyncio.to_thread(path.write_text, "---\ntitle: News\n---\nThe forest stands.\n")
    posted = "SELECT count(*) FROM updates"
    said = (
        "SELECT count(*) FROM activities WHERE document LIKE '%\"Create\"%' AND document LIKE '%/updates/%'"
    )
    await subject.lives("campaign", "update", "forest", str(path))
    before, killed = subject.ask(said), 0
    for share in subject.shares():
        killed += await subject.killed(share, "campaign", "update", "forest", str(path))
        assert subject.ask(said) - before == subject.ask(posted) - 1
    assert killed
    await subject.command("campaign", "update", "forest", str(path))


async def test_a_handover_is_signed_only_when_all_of_it_is_there(subject: Killed) -> None:
    place = subject.directory / "out"
    arguments = (
        "campaign",
        "handover",
        "forest",
        str(place),
        "--reason",
        "a test",
        "--to",
        "the council",
    )
    await subject.lives(*arguments)
    document = next(place.glob("*.json"))
    for share in subject.shares():
        # Another list than the last one: the document of that is of no use beside it.
        await subject.command("sign", "forest", "--count", "1")
        if await subject.killed(share, *arguments) and document.exists():
            await verify(subject, document)
    await subject.command(*arguments)
    await verify(subject, document)
    assert parts(place) == []


async def test_the_schema_is_brought_up_to_date_or_left_as_it_was(
    tmp_path: Path, templates: databases.Templates
) -> None:
    subject = Killed(tmp_path)
    subject.takes = {}
    revision = "SELECT CAST(version_num AS INTEGER) FROM alembic_version"
    (tmp_path / "data").mkdir()
    await migrations.upgrade(f"sqlite:///{subject.path}", "0001")
    old = await asyncio.to_thread(subject.path.read_bytes)
    await subject.command("--version")  # what commands are forked from takes its time to start
    await subject.lives("migrate")
    newest = subject.ask(revision)
    seen, killed = set(), 0
    for share in subject.shares():
        for suffix in ("-wal", "-shm", "-journal"):
            subject.path.with_name(subject.path.name + suffix).unlink(missing_ok=True)
        await asyncio.to_thread(subject.path.write_bytes, old)
        killed += await subject.killed(share, "migrate")
        await subject.command("migrate")
        seen.add(subject.ask(revision))
    assert killed
    assert seen == {newest}


async def is_whole(subject: Killed, path: Path) -> bool:
    """Whether a copy of the instance can be made of it."""
    place = subject.directory / f"of {path.name}"
    other = Forked(place)
    place.mkdir()
    other.environment |= {"FEDICAUSE_URL": subject.url}
    try:
        await other.command("restore", str(path))
    except CommandFailed:
        return False
    return True


async def verify(subject: Killed, document: Path) -> None:
    beside = [
        f"--{each.suffix[1:]}={each}" for each in document.parent.iterdir() if each.suffix in {".csv", ".pdf"}
    ]
    # No server runs that could be asked for the key.
    with closing(sqlite3.connect(subject.path)) as database:
        found = database.execute("SELECT ed25519_public FROM local_actors WHERE kind = 'organisation'")
        (key,) = found.fetchone()
    await subject.command("handover", "verify", str(document), *beside, "--key", key)
