"""The door of the application in tests: the very one that `fedicause serve` opens."""

from typing import Any

from aiohttp.test_utils import TestServer
from aiohttp.web import AppRunner

from fedicause.web.shortcut import Runner


class Door(TestServer):
    """An application of ours on loopback."""

    async def _make_runner(self, **options: Any) -> AppRunner:
        return Runner(self.app, **options)
