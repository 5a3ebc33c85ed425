"""Names as the DNS knows them, asked for a few seconds at most, and never by a call that can't be ended."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from aiohttp import abc

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PATIENCE: Final = 3.0
"""Seconds for one name, all name servers and repetitions together."""


class Unanswered(Exception):
    """No name server says whether there is such a name."""


class Lookup:
    """Asks name servers: the machine's own, or `server` (address and port)."""

    def __init__(
        self,
        server: tuple[str, int] | None = None,
        hosts: Path = Path("/etc/hosts"),
        patience: float = PATIENCE,
    ) -> None:
        self._server = server
        self._hosts = hosts
        self._patience = patience

    async def texts(self, name: str) -> list[str]:
        """The TXT records, each with its parts joined; raises Unanswered."""
        return [b"".join(each.strings).decode("ascii", "replace") for each in await self._ask(name, "TXT")]

    async def mail_hosts(self, name: str) -> list[str]:
        """The names in the MX records, best first; the one `.` of who takes no mail (RFC 7505) as ``""``."""
        found = sorted(await self._ask(name, "MX"), key=lambda each: each.preference)
        return [each.exchange.to_text().rstrip(".") for each in found]

    async def addresses(self, name: str, kind: str) -> list[Address]:
        """The addresses in A or AAAA records; raises Unanswered."""
        return [ipaddress.ip_address(each.address) for each in await self._ask(name, kind)]

    async def both(self, name: str) -> list[Address]:
        """IPv4 and IPv6 addresses; raises Unanswered if neither was answered."""
        answers = await asyncio.gather(
            self.addresses(name, "A"), self.addresses(name, "AAAA"), return_exceptions=True
        )
        known = [each for each in answers if not isinstance(each, BaseException)]
        for each in answers:
            if isinstance(each, BaseException) and (not known or not isinstance(each, Unanswered)):
                raise each
        return [address for listed in known for address in listed]

    def in_hosts_file(self, name: str) -> list[Address]:
        """What this machine alone believes."""
        try:
            lines = self._hosts.read_text(errors="replace").splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            words = line.partition("#")[0].lower().split()
            if name.lower() in words[1:]:
                try:
                    found.append(ipaddress.ip_address(words[0].partition("%")[0]))
                except ValueError:
                    continue
        return found

    async def _ask(self, name: str, kind: str) -> Iterable[Any]:
        # Loaded for the doctor alone.
        from dns import asyncresolver, exception, resolver  # noqa: PLC0415

        try:
            asking = asyncresolver.Resolver(configure=self._server is None)
        except resolver.NoResolverConfiguration as error:
            raise Unanswered("this machine has no name server (/etc/resolv.conf)") from error
        if self._server is not None:
            asking.nameservers, asking.port = [self._server[0]], self._server[1]
        try:
            return await asking.resolve(name, kind, lifetime=self._patience, search=False)
        except (resolver.NXDOMAIN, resolver.NoAnswer):
            return []
        except (exception.DNSException, OSError) as error:
            raise Unanswered(f"no name server answers for {name}") from error


class Doors(abc.AbstractResolver):
    """Where an HTTP client finds a name: in the file of hosts, else in the DNS."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[abc.ResolveResult]:
        try:
            found = self._lookup.in_hosts_file(host) or await self._lookup.both(host)
        except Unanswered as error:
            raise OSError(str(error)) from error
        if not found:
            raise OSError(f"{host} has no address")
        return [
            abc.ResolveResult(
                hostname=host,
                host=str(each),
                port=port,
                family=socket.AF_INET if each.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for each in found
        ]

    async def close(self) -> None:
        return
