"""What few need is loaded by the first who does, and nobody else waits for it."""

import asyncio
import importlib
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

T = TypeVar("T")

_loaded: set[str] = set()
_turn = Lock()


async def load(module: str) -> None:
    """Imports a module as `alone` does, unless that is done: it takes up to half a second."""
    if module not in _loaded:
        await alone(lambda: importlib.import_module(module))
        _loaded.add(module)


async def alone(load: Callable[[], T]) -> T:
    """What `load` gives, in a thread, after all that is being loaded now.

    Of several at once each would take the interpreter as often as the event loop does.
    """

    def take_turn() -> T:
        with _turn:
            return load()

    return await asyncio.to_thread(take_turn)
