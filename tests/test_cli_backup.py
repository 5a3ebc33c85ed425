"""Backups and moves as Alice makes them: all that was there is there again, and nothing else is harmed."""

import asyncio
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from storage import copying, migrations
from storage.database import async_url
from storage.registers import Key
from tests import databases
from tests.storage import rows
from tests.storage.test_migrations import fill
from tests.test_cli import Shell, environment, shell

__all__ = ["shell"]

CALL = "---\ntitle: Stop the road\nslug: {slug}\ntopic: Roads\n---\nThe road is to go **through the hill**.\n"
Make = Callable[[str], Shell]


def everything(url: str) -> dict[str, list[str]]:
    """Every row of every table, in an order of its own."""

    async def read() -> dict[str, list[str]]:
        engine = create_async_engine(async_url(url))
        try:
            async with engine.connect() as connection:
                return {
                    table.name: sorted(repr(tuple(row)) for row in await connection.execute(select(table)))
                    for table in copying.tables()
                }
        finally:
            await engine.dispose()

    return asyncio.run(read())


@pytest.fixture
def filled(shell: Shell) -> Shell:
    """An instance with a campaign, people who signed, and somebody who endorsed."""
    shell.run("campaign", "new", shell.file(CALL.format(slug="road")))
    shell.run("campaign", "publish", "road")
    shell.run("sign", "road", "--count", "40", "--country", "IT", FEDICAUSE_DEV="1")
    (shell.directory / "data" / "media").mkdir(parents=True)
    (shell.directory / "data" / "media" / "hill.jpg").write_bytes(b"\xff\xd8 a hill")

    async def endorse(session: AsyncSession) -> None:
        now = datetime.now(UTC)
        [bob] = await rows.people(session, "bob@elsewhere.test", now=now)
        key = Key(await shell.actor_id(session, "road"), "endorsement", bob.id)
        await rows.say(session, key, now=now)

    shell.change(endorse)
    shell.run("doctor", "--offline", "--repair", FEDICAUSE_SMTP="smtp://mail.test")
    return shell


@pytest.fixture
def another(
    request: pytest.FixtureRequest, dialect: databases.Dialect, templates: databases.Templates, tmp_path: Path
) -> Iterator[Make]:
    """Makes a place for an instance, with an empty database of this kind and no secret."""
    request.getfixturevalue("postgresql_cluster")
    assert templates.cluster is not None
    with ExitStack() as stack:

        def make(kind: str) -> Shell:
            directory = tmp_path / f"another-{kind}"
            directory.mkdir()
            url = f"sqlite:///{directory / 'data' / 'fedicause.db'}"
            if kind == "postgresql":
                assert templates.cluster is not None
                name = templates.cluster.create()
                stack.callback(templates.cluster.drop, name)
                url = templates.cluster.url(name)
            return Shell(directory, environment(directory, url, directory / "data" / "secret"))

        yield make


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_becomes_the_same_instance_on_either_database(
    filled: Shell, another: Make, kind: str
) -> None:
    before = everything(filled.environment["FEDICAUSE_DATABASE"] or "")
    assert "found whole" in filled.run("backup", "kept.tar").stdout
    kept = filled.directory / "kept.tar"
    assert kept.stat().st_mode & 0o777 == 0o600
    # The page that tells how it runs says when that was.
    (last,) = everything(filled.environment["FEDICAUSE_DATABASE"] or "")["landmarks"]
    assert "backup" in last
    there = another(kind)
    there.run("restore", str(kept))
    assert everything(there.environment["FEDICAUSE_DATABASE"] or "") == before
    assert (there.directory / "data" / "media" / "hill.jpg").read_bytes() == b"\xff\xd8 a hill"
    assert (there.directory / "data" / "secret").stat().st_mode & 0o777 == 0o600
    assert there.findings(FEDICAUSE_SMTP="smtp://mail.test")["keys"]["state"] == "ok"
    assert there.listing("support", "road") == filled.listing("support", "road")
    # It goes on: new rows get numbers of their own.
    there.run("campaign", "new", there.file(CALL.format(slug="hill")))
    there.run("sign", "road", "--count", "3", FEDICAUSE_DEV="1")
    assert there.listing("support", "road")["signatures"] == 43


def test_an_instance_moves_from_sqlite_to_postgresql_and_back(filled: Shell, another: Make) -> None:
    before = everything(filled.environment["FEDICAUSE_DATABASE"] or "")
    (filled.directory / "other").mkdir()
    for kind in ("postgresql", "sqlite"):
        url = another(kind).environment["FEDICAUSE_DATABASE"]
        assert url is not None
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        said = filled.run("migrate", "--to", url).stdout
        assert f"{sum(map(len, before.values())):,} rows" in said
        assert everything(url) == before
        assert "rows in that database already" in filled.refused("migrate", "--to", url)
        filled.environment["FEDICAUSE_DATABASE"] = url
    filled.run("sign", "road", "--count", "3", FEDICAUSE_DEV="1")
    assert filled.listing("support", "road")["signatures"] == 43


def test_no_table_is_left_out(database_url: str) -> None:
    async def read() -> set[str]:
        engine = create_async_engine(async_url(database_url))
        try:
            async with engine.connect() as connection:
                return set(await connection.run_sync(lambda each: inspect(each).get_table_names()))
        finally:
            await engine.dispose()

    assert asyncio.run(read()) - {"alembic_version"} == {table.name for table in copying.tables()}


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_what_is_damaged_is_refused_and_leaves_nothing(filled: Shell, another: Make) -> None:
    filled.run("backup", "kept.tar")
    whole = (filled.directory / "kept.tar").read_bytes()
    there = another("sqlite")
    data = there.directory / "data"
    damaged = there.directory / "damaged.tar"
    # In the middle of each file: what lies between them is nothing.
    with tarfile.open(filled.directory / "kept.tar") as kept:
        places = [each.offset_data + each.size // 2 for each in kept if each.size]
    assert len(places) > 2
    for place in places:
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        assert there.refused("restore", str(damaged)).startswith("Nothing was restored: "), place
        damaged.write_bytes(whole[:place])
        assert there.refused("restore", str(damaged)).startswith("Nothing was restored: "), place
        assert list(data.iterdir()) == []


def packed(**parts: bytes | tarfile.TarInfo) -> bytes:
    """A tar of these; `manifest` gets its place first."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, body in parts.items():
            if isinstance(body, tarfile.TarInfo):
                tar.addfile(body)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(body)
                tar.addfile(info, io.BytesIO(body))
    return file.getvalue()


def manifest(**more: Any) -> bytes:
    return json.dumps(
        {
            "format": 1,
            "url": "https://ours.test",
            "organisation": "Friends",
            "madeAt": "2026-11-22T07:00:00Z",
            "version": "0.1",
            "schema": migrations.newest(),
            "parts": {"fedicause.db": "00"},
        }
        | more
    ).encode()


def linked() -> tarfile.TarInfo:
    info = tarfile.TarInfo("fedicause.db")
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"nothing of the kind", "can't be read"),
        (packed(**{"readme": b"hello"}), "no backup of fedicause"),
        (packed(**{"manifest.json": b"[]"}), "no backup of fedicause"),
        (packed(**{"manifest.json": manifest(format=99)}), "this version does not know"),
        (packed(**{"manifest.json": manifest(parts={"../secret": "00"})}), "belongs to no backup"),
        (packed(**{"manifest.json": manifest(parts={"media/..": "00"})}), "belongs to no backup"),
        (packed(**{"manifest.json": manifest(parts={"/etc/passwd": "00"})}), "belongs to no backup"),
        (packed(**{"manifest.json": manifest(), "fedicause.db": linked()}), "is no file"),
        (packed(**{"manifest.json": manifest(), "fedicause.db": b"x"}), "is damaged"),
        (packed(**{"manifest.json": manifest(parts={})}), "the database in it is damaged"),
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_what_is_no_backup_is_refused(another: Make, body: bytes, why: str) -> None:
    there = another("sqlite")
    file = there.directory / "kept.tar"
    file.write_bytes(body)
    assert why in there.refused("restore", str(file))
    assert list((there.directory / "data").iterdir()) == []


def test_nothing_is_overwritten(filled: Shell, another: Make, dialect: str) -> None:
    filled.run("backup", "kept.tar")
    kept = str(filled.directory / "kept.tar")
    assert "is there already" in filled.refused("backup", kept)
    before = everything(filled.environment["FEDICAUSE_DATABASE"] or "")
    why = "there is a database already" if dialect == "sqlite" else "rows in the database already"
    assert why in filled.refused("restore", kept)
    assert everything(filled.environment["FEDICAUSE_DATABASE"] or "") == before
    there = another("sqlite")
    (there.directory / "data").mkdir()
    (there.directory / "data" / "secret").write_text("of somebody else")
    assert "another secret" in there.refused("restore", kept)
    assert "FEDICAUSE_URL says" in there.refused("restore", kept, FEDICAUSE_URL="https://elsewhere.test")


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_secret_can_be_kept_apart(filled: Shell, another: Make) -> None:
    filled.run("backup", "kept.tar", "--without-secret")
    kept, there = filled.directory / "kept.tar", another("sqlite")
    with tarfile.open(kept) as tar:
        assert "secret" not in tar.getnames()
    assert "put the one that belongs to it" in there.refused("restore", str(kept))
    secret = Path(filled.environment["FEDICAUSE_SECRET_FILE"] or "")
    (there.directory / "data" / "secret").write_bytes(secret.read_bytes())
    there.run("restore", str(kept))
    assert there.listing("support", "road")["signatures"] == 40


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_backup_of_an_older_version_is_brought_up_to_date(another: Make, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    asyncio.run(migrations.upgrade(f"sqlite:///{old}", "0001"))

    async def begin() -> None:
        engine = create_async_engine(async_url(f"sqlite:///{old}"))
        async with engine.connect() as connection:
            await connection.run_sync(fill)
        await engine.dispose()

    asyncio.run(begin())
    body = old.read_bytes()
    parts = {"fedicause.db": hashlib.sha256(body).hexdigest(), "secret": hashlib.sha256(b"s").hexdigest()}
    kept = tmp_path / "old.tar"
    kept.write_bytes(
        packed(
            **{"manifest.json": manifest(schema="0001", parts=parts), "fedicause.db": body, "secret": b"s"}
        )
    )
    there = another("sqlite")
    there.run("restore", str(kept))
    assert [each["slug"] for each in there.listing("campaign", "list")] == ["forest"]
    newer = packed(
        **{"manifest.json": manifest(schema="9999", parts=parts), "fedicause.db": body, "secret": b"s"}
    )
    kept.write_bytes(newer)
    assert "newer than this one" in there.refused("restore", str(kept))
