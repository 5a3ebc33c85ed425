"""A demonstration on one machine: three organisations in a coalition, and a fediverse that endorses them."""

import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

import click

from fedicause.commands.desk import Refused
from fedicause.demo.programme import ORGANISATIONS
from fedicause.demo.screen import Screen

# Beyond so many ports in use any free one will do.
TRIED: Final = 20


def run(*, port: int, people: int, seconds: float | None, seed: int, chaos: bool) -> None:
    """Shows it until Ctrl-C, or for so many seconds, from a port of 127.0.0.1 on (0: at free ones).

    Nothing is left behind. The same `seed` makes the same people do the same things. Raises Refused.
    """
    with _listening(port, len(ORGANISATIONS)) as listening:
        screen = Screen(sys.stdout)
        # From here on browsers wait rather than fail; all the rest takes some seconds to load.
        for each, role in zip(listening, ORGANISATIONS, strict=True):
            address = f"http://127.0.0.1:{each.getsockname()[1]}/"
            screen.say(f"{click.style(address, bold=True)}  {click.style(role.name, bold=True)}")
        screen.say("")
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGHUP, _interrupt)
        try:
            with tempfile.TemporaryDirectory(
                prefix="fedicause-demo-", ignore_cleanup_errors=True
            ) as directory:
                from fedicause.demo import stage  # noqa: PLC0415

                wish = stage.Wish(people=people, seconds=seconds, seed=seed, chaos=chaos)
                stage.show(listening, directory, screen, wish)
        except KeyboardInterrupt:
            screen.end_status()
        screen.say("The demo is over. Nothing is left of it on this machine.")


@contextmanager
def _listening(port: int, number: int) -> Iterator[Sequence[socket.socket]]:
    """So many sockets: one at this port, the others at the next free ones."""
    try:
        opened = [_listen(port)]
    except OSError as error:
        raise Refused(
            f"Port {port} can't be had: {error.strerror}. Choose another one with --port"
        ) from error
    try:
        while len(opened) < number:
            opened.append(_listen_after(opened[-1].getsockname()[1]))
        yield opened
    finally:
        for each in opened:
            each.close()


def _listen_after(port: int) -> socket.socket:
    for candidate in range(port + 1, port + TRIED):
        try:
            return _listen(candidate)
        except (OSError, OverflowError):
            continue
    return _listen(0)


def _listen(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port), backlog=1024)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
