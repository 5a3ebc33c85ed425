"""The terminal: lines that stay, and below them one that changes, where there is a terminal."""

import shutil
import time
from typing import Final, TextIO

import click

EVERY: Final = 10.0
"""Seconds between the changing lines that are printed where nothing can change."""


class Screen:
    """Writes to a terminal, or to a file or a pipe; who stops reading is no reason to stop."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._status = ""
        self._printed_at = time.monotonic()

    def say(self, text: str) -> None:
        """A line that stays."""
        self._write(f"{self._cleared()}{self._plain(text)}\n{self._status}")

    def status(self, text: str) -> None:
        """The line that changes; where none can, it is printed now and then."""
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._status = text if len(text) <= width else text[: width - 1] + "…"
            self._write(f"{self._cleared()}{self._status}")
        elif time.monotonic() - self._printed_at >= EVERY:
            self._printed_at = time.monotonic()
            self._write(f"{text}\n")

    def end_status(self) -> None:
        """Keeps the changing line as it is."""
        if self._status:
            self._status = ""
            self._write("\n")

    def _cleared(self) -> str:
        return "\r\x1b[2K" if self._is_terminal and self._status else ""

    def _plain(self, text: str) -> str:
        return text if self._is_terminal else click.unstyle(text)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self._is_terminal = False
