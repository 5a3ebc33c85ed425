"""Which network addresses are public, and the socket that is never made for any other."""

import ipaddress
import socket
from collections.abc import Callable
from typing import Final

from aiohttp.connector import AddrInfoType

Dial = Callable[[AddrInfoType], socket.socket]

_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")  # all that IANA gives out as global unicast
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# Lists of our own: `is_global` passes ::127.0.0.1, 64:ff9b::7f00:1 and 2002:7f00:1::, and changes between
# releases of Python. Source: the IANA special-purpose address registries (RFC 6890).
_SPECIAL_4: Final = tuple(
    ipaddress.IPv4Network(each)
    for each in (
        "0.0.0.0/8",  # "this network": Linux dials itself at 0.0.0.0
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local: where clouds keep their metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
_SPECIAL_6: Final = tuple(
    ipaddress.IPv6Network(each)
    for each in (
        "2001::/23",  # Teredo, ORCHID, benchmarking: no web server lives there
        "2001:db8::/32",
        "2002::/16",  # 6to4 (given up by RFC 7526) carries any IPv4 address
        "3fff::/20",
    )
)


class NotPublic(OSError):
    """The address is not a public one; an OSError, so that the next address of the same name is tried."""


def is_public(address: str) -> bool:
    """Whether a numeric address is global unicast, also as the IPv4 address that an IPv6 one carries.

    NAT64 (RFC 6052) is how an IPv6-only machine sees every IPv4 server, so there the carried address
    decides. Everything else that embeds one (mapped, compatible, 6to4, Teredo) is refused whole.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id is not None:
            return False
        if ip not in _NAT64:
            return ip in _PUBLIC_6 and not any(ip in each for each in _SPECIAL_6)
        ip = ipaddress.IPv4Address(ip.packed[-4:])
    return not any(ip in each for each in _SPECIAL_4)


def dial(address: AddrInfoType) -> socket.socket:
    """A socket for exactly this address, or NotPublic.

    The connector calls this for every address that it is about to connect to, be it resolved or literal,
    and connects to what it passed here: no second look-up lies between the check and the dialling
    (DNS rebinding), and there is no way around it by a literal (which aiohttp's resolver never sees).
    """
    family, kind, protocol, _, sockaddr = address
    if not is_public(str(sockaddr[0])):
        raise NotPublic("not a public address")
    return socket.socket(family, kind, protocol)
