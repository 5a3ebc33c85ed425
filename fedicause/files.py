"""Files that are there whole or not at all, whatever happens while they are written."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def write(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Puts these bytes there, on the disk when this returns; raises OSError, and has left nothing then."""
    with whole(path, mode=mode) as file:
        file.write(content)


@contextmanager
def whole(path: Path, *, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """A file that takes its name when the context ends, and is gone when it ends with an exception."""
    part = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.part")
    try:
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def forget_parts(directory: Path) -> None:
    """Removes what processes that were killed have left of files that they were writing."""
    for part in directory.glob("*.part"):
        owner = part.name.split(".")[-3:-2]
        if owner and owner[0].isdigit() and not is_alive(int(owner[0])):
            part.unlink(missing_ok=True)


def is_alive(process: int) -> bool:
    """Whether there is a process of this number, perhaps by now another one."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
