"""Which network a request comes from."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from aiohttp import HttpVersion11, web

from fedicause.web.keys import INSTANCE

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# A household or a floor of an office; what one customer of a provider has (RFC 6177).
_PREFIX: Final = {4: 24, 6: 48}


# Hops in X-Forwarded-For that are looked at.
_HOPS: Final = 16

# What proxies add.
_PASSED_ON: Final = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-Ip",
)


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
    return address is not None and any(address in each for each in request.app[INSTANCE].settings.proxies)


def is_from_here(request: web.Request) -> bool:
    """Whether a program on this machine asks, of its own accord.

    What a proxy passes on comes from this machine too: such a request says for whom it is made, or for which
    public name. So does that of a browser that a page of somebody else's name has led here.
    """
    address = _read(request.remote or "")
    asked = _read(urlsplit(f"//{request.host}").hostname or "")
    return (
        address is not None
        and address.is_loopback
        and (request.host.partition(":")[0] == "localhost" or (asked is not None and asked.is_loopback))
        and not any(name in request.headers for name in _PASSED_ON)
        # As some proxies ask unless told otherwise, and programs of today don't.
        and request.version >= HttpVersion11
    )


def _read(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
