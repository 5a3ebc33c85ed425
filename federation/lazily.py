"""What few need is loaded by the first who does, and nobody else waits for it."""

import asyncio
import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

# Of several at once each would take the interpreter as often as the event loop does.
_ONE: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="loading")
_loaded: set[str] = set()


async def load(module: str) -> None:
    """Imports a module as `alone` does, unless that is done: it takes up to half a second."""
    if module not in _loaded:
        await alone(lambda: importlib.import_module(module))
        _loaded.add(module)


async def alone(load: Callable[[], T]) -> T:
    """What `load` gives, in a thread, after all that is being loaded now."""
    return await asyncio.get_running_loop().run_in_executor(_ONE, load)
