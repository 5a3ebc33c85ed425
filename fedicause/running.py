"""Which servers of ours run on this machine, as far as it shows them."""

from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from fedicause.settings import Settings

PROC: Final = Path("/proc")


def processes(settings: Settings, proc: Path = PROC) -> list[Path]:
    """The processes (directories of /proc) that use this SQLite database; none for PostgreSQL."""
    file = database_file(settings)
    if file is None:
        return []
    return [each for each in _processes(proc) if _has_open(each, file)]


def database_file(settings: Settings) -> Path | None:
    """Where SQLite keeps it; None for PostgreSQL."""
    url = make_url(settings.database)
    if not url.get_backend_name().startswith("sqlite") or not url.database:
        return None
    return Path(url.database).absolute()


def _processes(proc: Path) -> list[Path]:
    found = []
    for each in proc.glob("[0-9]*"):
        try:
            words = (each / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        is_ours = any(Path(word.decode(errors="replace")).name == "fedicause" for word in words[:3])
        if is_ours and {b"serve", b"work"} & set(words):
            found.append(each)
    return found


def _has_open(process: Path, file: Path) -> bool:
    """Whether a process uses this file; of another user's process that is not to be seen."""
    try:
        known = file.stat()
        for each in (process / "fd").iterdir():
            try:
                there = each.stat()
            except OSError:
                continue
            if (there.st_dev, there.st_ino) == (known.st_dev, known.st_ino):
                return True
    except OSError:
        return False
    return False
