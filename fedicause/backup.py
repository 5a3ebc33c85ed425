"""Everything that an instance is, in one file; and an instance made of such a file.

The file is a tar: `manifest.json` first, the database as SQLite whatever it was, the pictures, and the secret
unless that is kept apart. Each part's SHA-256 is in the manifest.
"""

import asyncio
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from msgspec import Struct
from sqlalchemy.engine import make_url

from federation import vocabulary
from fedicause import __version__, files
from fedicause.settings import Settings
from storage import copying, migrations, organisations
from storage.database import Database

FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"
_DATABASE: Final = "fedicause.db"
_SECRET: Final = "secret"  # noqa: S105 - a name
_MEDIA: Final = "media"
_SMALL: Final = 1 << 20
_ROOM: Final = ".backup-"


class Unusable(ValueError):
    """The file is no backup, or a damaged one; the text says what is wrong."""


class Occupied(Exception):
    """There is something already where this was to go; the text says what."""


class Backup(Struct, frozen=True):
    """What a file holds. `schema` is the database's revision, `parts` the SHA-256 of each by its name."""

    url: str
    organisation: str
    made_at: datetime
    version: str
    schema: str
    parts: dict[str, str]

    @property
    def has_secret(self) -> bool:
        return _SECRET in self.parts

    @property
    def pictures(self) -> int:
        return sum(name.startswith(f"{_MEDIA}/") for name in self.parts)


async def write(settings: Settings, path: Path, *, with_secret: bool, now: datetime) -> Backup:
    """Makes a backup while the instance runs, and reads it again; raises Occupied, Unusable.

    The file appears under its name once it is whole, for nobody but its owner to read.
    """
    _expect_free(path)
    _forget_rooms(path.parent)
    with tempfile.TemporaryDirectory(prefix=f"{_ROOM}{os.getpid()}-", dir=path.parent) as directory:
        room = Path(directory)
        copy = room / _DATABASE
        if not settings.database.startswith("sqlite"):
            await migrations.upgrade(f"sqlite:///{copy}")
        await copying.snapshot(settings.database, copy)
        parts = {_DATABASE: copy}
        if with_secret:
            parts[_SECRET] = settings.secret_file
        if settings.media.is_dir():
            pictures = sorted(each for each in settings.media.iterdir() if each.is_file())
            parts |= {f"{_MEDIA}/{each.name}": each for each in pictures}
        made = room / "backup.tar"
        backup = Backup(
            url=settings.url,
            organisation=await _organisation(copy) or "",
            made_at=now,
            version=__version__,
            schema=migrations.newest(),
            parts=await asyncio.to_thread(_digests, parts),
        )
        await asyncio.to_thread(_pack, made, backup, parts)
        # Verified by restoring: into a directory that is thrown away.
        await asyncio.to_thread(_unpack, made, room / "again")
        os.replace(made, path)
    return backup


def _forget_rooms(directory: Path) -> None:
    """What a backup that was killed has left is as secret as a backup, and as large."""
    for room in directory.glob(f"{_ROOM}*"):
        owner = room.name.removeprefix(_ROOM).partition("-")[0]
        if owner.isdigit() and not files.is_alive(int(owner)):
            shutil.rmtree(room, ignore_errors=True)


def _expect_free(path: Path) -> None:
    if path.exists():
        raise Occupied(f"{path} is there already")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)


async def restore(settings: Settings, path: Path) -> Backup:
    """Makes the instance of these settings out of a backup; raises Occupied, Unusable, copying.NotEmpty.

    A backup of an older version is brought up to date; one of a newer version is refused.
    """
    room = settings.data / ".restore"
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.rmtree(room, ignore_errors=True)
    try:
        backup = await asyncio.to_thread(_unpack, path, room)
        _expect_fitting(backup, settings)
        await _expect_room(backup, settings)
        await migrations.upgrade(f"sqlite:///{room / _DATABASE}")
        await _place(backup, settings, room)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return backup


async def move(source: str, target: str) -> dict[str, int]:
    """Copies all rows of one database into another, which is empty; returns rows by table.

    Raises copying.NotEmpty, copying.Differs.
    """
    await migrations.upgrade(target)
    return await copying.copy(source, target)


def _expect_fitting(backup: Backup, settings: Settings) -> None:
    if backup.url != settings.url:
        raise Unusable(
            f"this backup is of {backup.url}, and FEDICAUSE_URL says {settings.url}:"
            " other servers know an instance by its address"
        )
    if backup.schema > migrations.newest():
        raise Unusable(f"this backup is of fedicause {backup.version}, which is newer than this one")


async def _expect_room(backup: Backup, settings: Settings) -> None:
    """Nothing is overwritten that somebody may miss."""
    database = _file(settings)
    if database is not None and database.exists():
        raise Occupied(f"there is a database already: {database}. Move it away first")
    secret = settings.secret_file
    if not backup.has_secret and not secret.exists():
        raise Occupied(f"this backup has no secret: put the one that belongs to it at {secret} first")
    if backup.has_secret and secret.exists() and _digest(secret) != backup.parts[_SECRET]:
        raise Occupied(f"there is another secret already: {secret}. Move it away first")


async def _place(backup: Backup, settings: Settings, room: Path) -> None:
    database = _file(settings)
    if database is None:
        await move(f"sqlite:///{room / _DATABASE}", settings.database)
    if backup.has_secret and not settings.secret_file.exists():
        settings.secret_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(room / _SECRET, settings.secret_file)
        settings.secret_file.chmod(0o600)
    if (room / _MEDIA).is_dir():
        shutil.copytree(room / _MEDIA, settings.media, dirs_exist_ok=True)
    if database is not None:
        # Last: an instance with a database is a whole one.
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.move(room / _DATABASE, database)


async def _organisation(database: Path) -> str | None:
    opened = Database(f"sqlite:///{database}")
    try:
        async with opened.reading() as session:
            return await organisations.name(session)
    finally:
        await opened.close()


def _file(settings: Settings) -> Path | None:
    """Where the database is, if it is a file."""
    url = make_url(settings.database)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digests(parts: dict[str, Path]) -> dict[str, str]:
    return {name: _digest(path) for name, path in parts.items()}


def _pack(path: Path, backup: Backup, parts: dict[str, Path]) -> None:
    manifest = {
        "format": FORMAT,
        "url": backup.url,
        "organisation": backup.organisation,
        "madeAt": vocabulary.timestamp(backup.made_at),
        "version": backup.version,
        "schema": backup.schema,
        "parts": backup.parts,
    }
    body = json.dumps(manifest, indent=2, ensure_ascii=False).encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        head = tarfile.TarInfo(_MANIFEST)
        head.size, head.mtime = len(body), int(backup.made_at.timestamp())
        tar.addfile(head, io.BytesIO(body))
        for name, part in parts.items():
            tar.add(part, name, filter=_plain)
        file.flush()
        os.fsync(file.fileno())


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without who owns it on this machine."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = 0o600
    return info


def _unpack(path: Path, directory: Path) -> Backup:
    """Takes a backup apart into a new directory, each part checked; raises Unusable."""
    directory.mkdir(mode=0o700)
    try:
        with tarfile.open(path, "r:") as tar:
            backup = _manifest(tar)
            for name, digest in backup.parts.items():
                _extract(tar, name, directory / name)
                if _digest(directory / name) != digest:
                    raise Unusable(f"{name} in it is damaged")
    except Unusable:
        raise
    except (tarfile.TarError, EOFError, OSError, KeyError, ValueError) as error:
        raise Unusable(f"{path} can't be read: {error}") from error
    if _DATABASE not in backup.parts or not copying.is_sound(directory / _DATABASE):
        raise Unusable("the database in it is damaged")
    return backup


def _manifest(tar: tarfile.TarFile) -> Backup:
    try:
        given: dict[str, Any] = json.loads(_read(tar, _MANIFEST, most=64 * _SMALL))
        if given["format"] != FORMAT:
            raise Unusable("it is of a kind that this version does not know")
        parts = {str(name): str(digest) for name, digest in given["parts"].items()}
        if not all(_is_part(name) for name in parts):
            raise Unusable("it holds what belongs to no backup")
        return Backup(
            url=str(given["url"]),
            organisation=str(given["organisation"]),
            made_at=datetime.fromisoformat(given["madeAt"]),
            version=str(given["version"]),
            schema=str(given["schema"]),
            parts=parts,
        )
    except Unusable:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unusable("it is no backup of fedicause") from error


def _is_part(name: str) -> bool:
    place = PurePosixPath(name)
    return name in {_DATABASE, _SECRET} or (
        place.parts[:1] == (_MEDIA,) and len(place.parts) == 2 and place.name not in {".", ".."}
    )


def _read(tar: tarfile.TarFile, name: str, *, most: int) -> bytes:
    info = tar.getmember(name)
    file = tar.extractfile(info) if info.isfile() and info.size <= most else None
    if file is None:
        raise Unusable(f"{name} in it is no file")
    return file.read()


def _extract(tar: tarfile.TarFile, name: str, path: Path) -> None:
    info = tar.getmember(name)
    file = tar.extractfile(info) if info.isfile() else None
    if file is None:
        raise Unusable(f"{name} in it is no file")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with path.open("xb") as written:
        shutil.copyfileobj(file, written)
