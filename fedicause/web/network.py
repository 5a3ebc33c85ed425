"""Which network a request comes from."""

import ipaddress
from typing import Final

from aiohttp import web

from fedicause.web.keys import INSTANCE

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# A household or a floor of an office; what one customer of a provider has (RFC 6177).
_PREFIX: Final = {4: 24, 6: 48}


# Hops in X-Forwarded-For that are looked at.
_HOPS: Final = 16


def network_of(request: web.Request) -> str:
    """The range of addresses that the sender's belongs to, as text; empty where there is none.

    X-Forwarded-For is believed from its end, and only as far as proxies of ours wrote it.
    """
    address = _read(request.remote or "")
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
    for hop in reversed(forwarded[-_HOPS:]):
        if address is None or not any(address in proxy for proxy in request.app[INSTANCE].settings.proxies):
            break
        address = _read(hop.strip()) or address
    if address is None:
        return ""
    return str(ipaddress.ip_network((address, _PREFIX[address.version]), strict=False))


def is_proxy(request: web.Request) -> bool:
    """Whether X-Forwarded-For is believed of whoever connected."""
    address = _read(request.remote or "")
    return address is not None and any(address in proxy for proxy in request.app[INSTANCE].settings.proxies)


def _read(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
