"""A name server of the test: the records that it is given, by real packets on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

from fedicause.doctor.lookup import Lookup


class Zone(asyncio.DatagramProtocol):
    """`records` by name and type; a name without any does not exist. While `silent`, nothing is answered.

    Of names in `ignored` nothing is said either, and about those in `failing` that it can't be told.
    """

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.silent = False
        self.ignored: set[str] = set()
        self.failing: set[str] = set()
        self.asked: list[str] = []
        """The names that were asked for, in order."""
        self.port = 0
        self._transport: Any = None

    def lookup(self) -> Lookup:
        return Lookup(("127.0.0.1", self.port), patience=0.5 if self.silent else 5)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, address: Any) -> None:
        asked = dns.message.from_wire(data)
        name = asked.question[0].name.to_text().rstrip(".")
        self.asked.append(name)
        if not self.silent and name not in self.ignored:
            self._transport.sendto(self._answer(asked, name).to_wire(), address)

    def _answer(self, asked: dns.message.Message, name: str) -> dns.message.Message:
        answer = dns.message.make_response(asked)
        answer.flags |= dns.flags.RA
        if name in self.failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
            return answer
        (question,) = asked.question
        found = self.records.get((name, dns.rdatatype.to_text(question.rdtype)))
        if found:
            answer.answer.append(
                dns.rrset.from_text_list(question.name, 60, question.rdclass, question.rdtype, found)
            )
        elif all(known != name for known, _ in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


@asynccontextmanager
async def open_zone(
    records: dict[tuple[str, str], list[str]] | None = None, address: tuple[str, int] = ("127.0.0.1", 0)
) -> AsyncIterator[Zone]:
    """Answers at this address, by default at any port of 127.0.0.1."""
    zone = Zone()
    zone.records = records or {}
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: zone, local_addr=address)
    try:
        yield zone
    finally:
        transport.close()
