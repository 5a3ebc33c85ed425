"""A thread with a file system or a network of its own, in which part of a test runs."""

import asyncio
import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

from tests import components

MOUNTS: Final = 0x00020000
NETWORK: Final = 0x40000000
"""CLONE_NEWNS and CLONE_NEWNET (unshare(2)): of the thread that calls, and of those that it starts."""

_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def expect_root() -> None:
    if os.geteuid() != 0:
        components.missing("the right to make namespaces")


def expect_networks() -> None:
    expect_root()
    if shutil.which("ip") is None:
        components.missing("ip (iproute2)")


def ip(*words: str) -> None:
    """What `ip` does, in the network of this thread."""
    subprocess.run(["ip", *words], check=True)  # noqa: S607 - wherever iproute2 has put it


def place(name: str) -> Path:
    """Where a network is found that `ip netns add` has made."""
    return Path("/run/netns") / name


def apart(work: Callable[[], Coroutine[Any, Any, None]], *, kinds: int, prepare: Callable[[], None]) -> None:
    """Runs a coroutine where these namespaces are its own, once they are prepared; raises what it raises.

    In a thread, so that whatever else runs in this process stays where it is.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            _call(_LIBC.unshare, kinds)
            prepare()
            asyncio.run(work())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="apart")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def enter(path: Path) -> None:
    """This thread goes into the network namespace at a path."""
    with path.open() as file:
        _call(_LIBC.setns, file.fileno(), NETWORK)


def replace(files: Mapping[str, Path]) -> None:
    """In a file system of its own: has others stand in for these files."""
    subprocess.run(["/bin/mount", "--make-rprivate", "/"], check=True)
    for name, path in files.items():
        subprocess.run(["/bin/mount", "--bind", str(path), name], check=True)


def _call(function: Any, *arguments: int) -> None:
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
