"""No address but a public one is ever dialled."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import addresses

PUBLIC = [
    "1.1.1.1",
    "93.184.216.34",
    "223.255.255.255",
    "2606:4700::1111",
    "2a01:4f8::1",
    "64:ff9b::5db8:d822",
]

SPECIAL = [
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:1.1.1.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::80ff:fffe",
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
    "",
    "localhost",
    "127.1",
    "0x7f000001",
    "2130706433",
    "0177.0.0.1",
    "127.0.0.1 ",
    "1.1.1.1%eth0",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address: str) -> None:
    assert addresses.is_public(address)


@pytest.mark.parametrize("address", SPECIAL)
def test_a_special_address_is_not_public(address: str) -> None:
    assert not addresses.is_public(address)


@given(st.ip_addresses(v=4))
def test_what_is_public_is_global_for_python_too(address: ipaddress.IPv4Address) -> None:
    if addresses.is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses(v=6))
def test_what_is_public_is_global_for_python_too_in_ipv6(address: ipaddress.IPv6Address) -> None:
    if addresses.is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


@given(
    st.sampled_from(["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16"]).flatmap(
        lambda network: st.ip_addresses(v=4, network=network)
    )
)
def test_a_private_address_is_not_public_in_any_disguise(private: ipaddress.IPv4Address) -> None:
    bits = int(private)
    teredo = 0x20010000 << 96
    disguises = [
        bits,  # IPv4-compatible
        0xFFFF << 32 | bits,  # IPv4-mapped
        0x0064FF9B << 96 | bits,  # NAT64
        0x0064FF9B0001 << 80 | bits,  # NAT64 of a network's own
        0x2002 << 112 | bits << 80 | 1,  # 6to4
        teredo | bits << 64,  # as Teredo's server
        teredo | 0x08080808 << 64 | (bits ^ 0xFFFFFFFF),  # as Teredo's client
    ]
    for disguise in disguises:
        assert not addresses.is_public(str(ipaddress.IPv6Address(disguise)))


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "fe80::1"])
def test_there_is_no_socket_for_a_special_address(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(addresses.NotPublic):
        addresses.dial((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 443)))


def test_there_is_a_socket_for_a_public_address() -> None:
    with addresses.dial(
        (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("1.1.1.1", 443))
    ) as made:
        assert made.family == socket.AF_INET
