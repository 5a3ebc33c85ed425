"""Where tests write: in memory where there is room, for whatever is written to a disk costs a while."""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of its own for each run is made in it, as in /tmp
ROOM = 4 * 1024**3
"""Bytes; a run uses less than half of that at any time."""


def choose() -> None:
    """Temporary files go there, those of child processes too; unless TMPDIR says where."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    if shutil.disk_usage(MEMORY).free >= ROOM and _available() >= ROOM:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


def _available() -> int:
    """Bytes of memory that the kernel could give without swapping."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0
