"""Whether others find the host of the instance, and where that leads them."""

import asyncio
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from fedicause.doctor.lookup import Address, Unanswered
from fedicause.doctor.surroundings import Surroundings
from fedicause.finding import Finding
from fedicause.settings import Settings

CONNECTING: Final = 3.0
"""Seconds until an address counts as silent."""


async def look(settings: Settings, through: Surroundings) -> list[Finding]:
    """What the DNS says of the public host."""
    host = urlsplit(settings.url).hostname or ""
    known = through.lookup.in_hosts_file(host)
    try:
        found = await through.lookup.both(host)
    except Unanswered as error:
        where = f"; the file of hosts says {_list(known)}" if known else ""
        return [Finding("dns", "warning", f"{error}{where}", "look at the name servers in /etc/resolv.conf")]
    if not found:
        where = "; only the file of hosts on this machine knows it" if known else ""
        return [
            Finding(
                "dns",
                "problem",
                f"{host} has no address{where}",
                f"have an A record (and AAAA, if you have IPv6) made for {host} where your domain is managed",
            )
        ]
    return [_addresses(host, found, known, through.own_addresses()), await _answers(settings, found, through)]


def _addresses(
    host: str, found: Sequence[Address], known: Sequence[Address], own: frozenset[Address]
) -> Finding:
    shown = f"{host} is at {_list(found)}"
    hidden = [each for each in found if not each.is_global]
    if hidden:
        return Finding(
            "dns",
            "problem",
            f"{shown}: nobody outside reaches {_list(hidden)}",
            "let the record name the public address of the server or of its proxy",
        )
    if known and set(known).isdisjoint(found):
        advice = "the looks from outside below go where the file of hosts says, not where others go"
        return Finding("dns", "warning", f"{shown}, but the file of hosts here says {_list(known)}", advice)
    if not own.isdisjoint(found):
        foreign = [each for each in found if each not in own]
        if foreign and own & set(found):
            advice = "if these are no proxies of yours, have their records removed"
            return Finding("dns", "warning", f"{shown}; {_list(foreign)} is another machine", advice)
        return Finding("dns", "ok", f"{shown}, this machine")
    return Finding("dns", "ok", f"{shown}: a proxy or another machine stands there")


async def _answers(settings: Settings, found: Sequence[Address], through: Surroundings) -> Finding:
    """Whether each address takes connections, for some servers prefer IPv6 and others know none."""
    parts = urlsplit(settings.url)
    port = parts.port or 443
    try:
        listed = await through.resolver().resolve(parts.hostname or "", port)
    except OSError:
        listed = []
    ends = {str(each): (str(each), port) for each in found}
    ends |= {each["host"]: (each["host"], each["port"]) for each in listed if each["host"] in ends}
    if through.doors is not None:
        ends = {each["host"]: (each["host"], each["port"]) for each in listed}
    results = dict(zip(ends, await asyncio.gather(*(_connects(*end) for end in ends.values())), strict=True))
    silent = [name for name, error in results.items() if error]
    if not silent:
        return Finding("port", "ok", f"port {port} takes connections at {', '.join(ends)}")
    unreachable = [name for name in silent if results[name] == "unreachable"]
    if len(unreachable) == len(silent) and len(silent) < len(ends):
        advice = "look from another network whether it answers there"
        return Finding("port", "ok", f"{', '.join(unreachable)} can't be tried from this machine", advice)
    return Finding(
        "port",
        "problem",
        f"nothing takes connections at {', '.join(silent)}, port {port}",
        "start the proxy, open the port in the firewall, or have the record of that address removed",
    )


async def _connects(address: str, port: int) -> str:
    """Empty if the address takes a connection, else why not."""
    try:
        async with asyncio.timeout(CONNECTING):
            _, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        return "silent"
    except OSError as error:
        # ENETUNREACH: this machine has no way to that kind of address.
        return "unreachable" if error.errno in {97, 99, 101} else "refused"
    writer.close()
    return ""


def _list(addresses: Sequence[Address]) -> str:
    return ", ".join(map(str, addresses))
