"""Libraries that few need, imported by the first who does, and nobody else waits for it."""

import asyncio
import importlib

_loaded: set[str] = set()


async def load(module: str) -> None:
    """Imports a module in a thread, unless that is done: it takes up to half a second."""
    if module not in _loaded:
        await asyncio.to_thread(importlib.import_module, module)
        _loaded.add(module)
