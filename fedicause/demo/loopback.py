"""Names that lead to this machine, for the browserless half of the demo."""

import socket

from aiohttp import abc, resolver


class Loopback(abc.AbstractResolver):
    """`*.localhost` is this machine (RFC 6761), which the C library does not know; other names as ever."""

    def __init__(self) -> None:
        self._others = resolver.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[abc.ResolveResult]:
        name = "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else host
        return await self._others.resolve(name, port, family)

    async def close(self) -> None:
        await self._others.close()
