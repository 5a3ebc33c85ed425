"""Apache DataSketches HyperLogLogs of strangers, read without the library, which crashes on hostile bytes.

The layouts (LIST, SET and HLL mode, compact, little-endian) are those of its C++ sources, serial version 1:
a preamble `words, version, family, lgK, lgArr, flags, curMin or count, mode`, then coupons or registers.
A coupon is a hash's slot (26 bits) and value (6 bits); a register holds the largest value of its slot.
"""

import struct
from collections import Counter
from collections.abc import Iterable
from typing import Final

from federation.vocabulary import Malformed

LG_K: Final = 14
# The largest is 8 bits a register; the smallest, 4 bits, has a list of exceptions besides.
MOST_BYTES: Final = 24 * 1024

_SLOTS: Final = 1 << LG_K
_VERSION, _FAMILY = 1, 7
_COMPACT, _OUT_OF_ORDER = 8, 16
_LIST, _SET, _HLL = 0, 1, 2
_LARGEST_VALUE: Final = 63
_MOST_COUPONS: Final = _SLOTS // 8
_PREAMBLE = struct.Struct("<8B3d2I")

NORMAL_BYTES: Final = _PREAMBLE.size + _SLOTS


def normal(value: bytes) -> bytes:
    """The same sketch with one byte a register, and all that can be worked out from them worked out anew.

    A sketch also states sums over its registers and a running estimate, by which it could claim any number;
    here these are true, and the estimate is marked as not to be used. Malformed if it is no sketch of ours.
    """
    if not 8 <= len(value) <= MOST_BYTES:
        raise Malformed("no sketch by its length")
    words, version, family, lg_k, _, flags, current, mode = value[:8]
    if (version, family, lg_k) != (_VERSION, _FAMILY, LG_K) or not flags & _COMPACT:
        raise Malformed("not a compact HyperLogLog of this size")
    kind, bits = mode & 3, mode >> 2
    match (kind, words, bits):
        case (0, 2, 0 | 1 | 2):
            return _written(_from_coupons(value[8:], current))
        case (1, 3, 0 | 1 | 2):
            return _written(_from_coupons(value[12:], _integer(value, 8)))
        case (2, 10, 0):
            return _written(_four_bits(value[40:], current, _integer(value, 36)))
        case (2, 10, 1):
            return _written(_six_bits(value[40:]))
        case (2, 10, 2):
            return _written(value[40:])
    raise Malformed("a sketch of an unknown mode")


def _integer(value: bytes, at: int) -> int:
    return int.from_bytes(value[at : at + 4], "little")


def _coupons(packed: bytes) -> Iterable[tuple[int, int]]:
    """The slot and value of each."""
    for (coupon,) in struct.iter_unpack("<I", packed):
        yield coupon & (_SLOTS - 1), coupon >> 26


def _from_coupons(packed: bytes, count: int) -> bytes:
    if count > _MOST_COUPONS or len(packed) != 4 * count:
        raise Malformed("a sketch of the wrong length")
    registers = bytearray(_SLOTS)
    for slot, value in _coupons(packed):
        if value == 0:
            raise Malformed("a coupon of nothing")
        registers[slot] = max(registers[slot], value)
    return bytes(registers)


def _four_bits(packed: bytes, least: int, exceptions: int) -> bytes:
    """Half a byte above the least of all; 15 is an exception, found as a coupon after the registers."""
    half = _SLOTS // 2
    if len(packed) != half + 4 * exceptions:
        raise Malformed("a sketch of the wrong length")
    registers = bytearray(_SLOTS)
    registers[0::2] = bytes(each & 15 for each in packed[:half])
    registers[1::2] = bytes(each >> 4 for each in packed[:half])
    if least > _LARGEST_VALUE or registers.count(15) != exceptions:
        raise Malformed("registers that cannot be")
    found = dict(_coupons(packed[half:]))
    if len(found) != exceptions or any(registers[slot] != 15 for slot in found):
        raise Malformed("exceptions that are none")
    registers = bytearray(each + least for each in registers)
    for slot, value in found.items():
        registers[slot] = value
    return bytes(registers)


def _six_bits(packed: bytes) -> bytes:
    if len(packed) != _SLOTS * 6 // 8 + 1:
        raise Malformed("a sketch of the wrong length")
    registers = bytearray(_SLOTS)
    first, second, third = packed[0:-1:3], packed[1:-1:3], packed[2:-1:3]
    registers[0::4] = bytes(one & 63 for one in first)
    registers[1::4] = bytes(one >> 6 | (two & 15) << 2 for one, two in zip(first, second, strict=True))
    registers[2::4] = bytes(two >> 4 | (three & 3) << 4 for two, three in zip(second, third, strict=True))
    registers[3::4] = bytes(three >> 2 for three in third)
    return bytes(registers)


def _written(registers: bytes) -> bytes:
    if len(registers) != _SLOTS or max(registers) > _LARGEST_VALUE:
        raise Malformed("registers that cannot be")
    count = Counter(registers)
    # Two sums, of the large and the small, so that the small ones are not lost.
    sums = [
        sum(n * 2.0**-value for value, n in count.items() if (value >= 32) is late) for late in (False, True)
    ]
    flags, mode = _COMPACT | _OUT_OF_ORDER, _HLL | 2 << 2
    preamble = _PREAMBLE.pack(10, _VERSION, _FAMILY, LG_K, 0, flags, 0, mode, 0.0, *sums, count[0], 0)
    return preamble + registers
