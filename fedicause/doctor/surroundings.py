"""What the doctor looks through: names, authorities, this machine, and the time."""

import ipaddress
import re
import ssl as tls
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import abc
from msgspec import Struct, field

from fedicause.doctor.lookup import Address, Doors, Lookup

_LOCAL = re.compile(r"\|-- (\S+)\s*\n\s*/32 host LOCAL")


def utc_now() -> datetime:
    return datetime.now(UTC)


class Surroundings(Struct, frozen=True):
    """By default the machine as it is; tests put other names, authorities and times in."""

    lookup: Lookup = field(default_factory=Lookup)
    doors: abc.AbstractResolver | None = None
    """Where HTTP and TLS connect to; None: where `lookup` finds it."""
    ssl: tls.SSLContext | None = None
    """Whose certificates are believed; None: the system's authorities."""
    now: Callable[[], datetime] = utc_now
    proc: Path = Path("/proc")
    plain_port: int = 80

    def resolver(self) -> abc.AbstractResolver:
        return self.doors or Doors(self.lookup)

    def context(self) -> tls.SSLContext:
        return self.ssl or tls.create_default_context()

    def own_addresses(self) -> frozenset[Address]:
        """The addresses of this machine; none where it does not say."""
        found: set[Address] = set()
        try:
            trie = (self.proc / "net/fib_trie").read_text()
            found |= {ipaddress.ip_address(each) for each in _LOCAL.findall(trie)}
        except (OSError, ValueError):
            pass
        try:
            for line in (self.proc / "net/if_inet6").read_text().splitlines():
                found.add(ipaddress.IPv6Address(bytes.fromhex(line.split()[0])))
        except (OSError, ValueError, IndexError):
            pass
        return frozenset(found)
