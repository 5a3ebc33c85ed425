"""A demonstration on one machine: an organisation, its campaigns, and a fediverse that endorses them."""

import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

from fedicause.demo.screen import Screen


class Failed(Exception):
    """The demo can't begin, or go on; the text says why."""


def run(*, port: int, people: int, seconds: float | None, seed: int) -> None:
    """Shows it until Ctrl-C, or for so many seconds, at a port of 127.0.0.1 (0: a free one). Raises Failed.

    Nothing is left behind. The same `seed` makes the same people do the same things.
    """
    with _listening(port) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        screen = Screen(sys.stdout)
        # From here on browsers wait rather than fail; all the rest takes some seconds to load.
        screen.say(click.style(f"{address}/", bold=True))
        screen.say("")
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGHUP, _interrupt)
        try:
            with tempfile.TemporaryDirectory(
                prefix="fedicause-demo-", ignore_cleanup_errors=True
            ) as directory:
                from fedicause.demo import stage  # noqa: PLC0415

                stage.show(listening, address, directory, screen, people=people, seconds=seconds, seed=seed)
        except KeyboardInterrupt:
            screen.end_status()
        screen.say("The demo is over. Nothing is left of it on this machine.")


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    try:
        listening = socket.create_server(("127.0.0.1", port), backlog=1024)
    except OSError as error:
        raise Failed(f"Port {port} can't be had: {error.strerror}. Choose another one with --port") from error
    with listening:
        yield listening


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
