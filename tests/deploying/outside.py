"""The world outside of the machine that is set up: a network namespace whose sockets are this process's."""

import asyncio
import ctypes
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

from aiohttp.connector import AddrInfoType

MACHINE: Final = "93.184.216.2"
"""Where the machine is; in a network of its own no address is anybody else's."""
OUTSIDE: Final = "93.184.216.1"
PROXY_PORT: Final = 3128
_CLONE_NEWNET: Final = 0x40000000
_HEAD: Final = 65536


class Sockets:
    """Makes sockets in the network of a process: a thread lives there."""

    def __init__(self, process: int) -> None:
        self._maker = ThreadPoolExecutor(1, initializer=_enter, initargs=(f"/proc/{process}/ns/net",))

    def dial(self, address: AddrInfoType) -> socket.socket:
        """One to connect with (aiohttp's `socket_factory`)."""
        family, kind, protocol, *_ = address
        made = self._maker.submit(socket.socket, family, kind, protocol).result()
        made.setblocking(False)
        return made

    def listening(self, address: str, port: int) -> socket.socket:
        return self._maker.submit(lambda: socket.create_server((address, port))).result()

    def close(self) -> None:
        self._maker.shutdown()


class Outside(Sockets):
    """A network that is joined to a machine's; `machine` is a process of that machine."""

    def __init__(self, machine: int) -> None:
        self._holder = subprocess.Popen(
            ["/usr/bin/unshare", "--net", "--", "sh", "-c", "ip link set lo up; echo; exec sleep infinity"],
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        self._holder.stdout.readline()
        self._ip("link", "add", "world", "type", "veth", "peer", "name", "eth0", "netns", str(machine))
        self._ip("addr", "add", f"{OUTSIDE}/24", "dev", "world")
        self._ip("link", "set", "world", "up")
        for arguments in (
            ("addr", "add", f"{MACHINE}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", OUTSIDE),
        ):
            _run("nsenter", "--target", str(machine), "--net", "--", "ip", *arguments)
        super().__init__(self._holder.pid)

    def address(self, address: str) -> None:
        """One more address out there."""
        self._ip("addr", "add", f"{address}/32", "dev", "lo")

    def close(self) -> None:
        super().close()
        self._holder.kill()
        self._holder.communicate()

    def _ip(self, *arguments: str) -> None:
        _run("nsenter", "--target", str(self._holder.pid), "--net", "--", "ip", *arguments)


@asynccontextmanager
async def led(listening: socket.socket, where: tuple[str, int] | None) -> AsyncIterator[None]:
    """What arrives at a socket out there is led to a port of this machine; with None, where its HTTP proxy
    request asks to go."""

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with AsyncExitStack() as stack:
            stack.enter_context(suppress(OSError, asyncio.IncompleteReadError))
            stack.push_async_callback(_close, writer)
            head = b"" if where else await reader.readuntil(b"\r\n\r\n")
            target = where or _proxy() or _asked(head)
            back, forth = await asyncio.open_connection(*target, limit=_HEAD)
            stack.push_async_callback(_close, forth)
            if head.startswith(b"CONNECT ") and not _proxy():
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                forth.write(head)
            await asyncio.gather(_pipe(reader, forth), _pipe(back, writer))

    server = await asyncio.start_server(lead, sock=listening, limit=_HEAD)
    async with server:
        yield


def _asked(head: bytes) -> tuple[str, int]:
    """Where a request to a proxy wants to go."""
    method, asked, _ = head.decode("latin-1").split(" ", 2)
    parts = urlsplit(f"//{asked}" if method == "CONNECT" else asked)
    return parts.hostname or "", parts.port or 80


def _proxy() -> tuple[str, int] | None:
    """The proxy through which this machine itself reaches out, if it needs one."""
    for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"):
        parts = urlsplit(os.environ.get(name, ""))
        if parts.hostname:
            return parts.hostname, parts.port or 3128
    return None


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_HEAD):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def _close(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.close()
        await writer.wait_closed()


def _enter(namespace: str) -> None:
    with open(namespace) as file:
        libc: Callable[[int, int], int] = ctypes.CDLL(None, use_errno=True).setns
        if libc(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=20)
