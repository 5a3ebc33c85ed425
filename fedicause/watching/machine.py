"""What the machine and the database have room for, and what this process uses of it."""

import os
import resource
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from fedicause.settings import Settings
from storage.database import Database

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def usage(database: Database) -> dict[str, float]:
    """Bytes of memory, seconds of processor, open files and connections of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    found: dict[str, float] = {"cpu": used.ru_utime + used.ru_stime} | database.connections()
    # Where there is no /proc, the largest that it ever was: kilobytes, but for macOS.
    found["memory"] = used.ru_maxrss * 1024.0
    with suppress(OSError, ValueError, IndexError):
        found["memory"] = int(Path("/proc/self/statm").read_text().split()[1]) * float(_PAGE)
    with suppress(OSError):
        found["files"] = len(os.listdir("/proc/self/fd"))
    return found


def disk(settings: Settings) -> tuple[int, int]:
    """Bytes free, and bytes in all, where the data is."""
    found = shutil.disk_usage(settings.data if settings.data.exists() else Path.cwd())
    return found.free, found.total
