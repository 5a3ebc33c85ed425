"""Sketches of strangers: each kind is read as the library reads it, and hostile bytes never get there."""

import struct
from typing import Any

import datasketches  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import hyperloglog
from federation.vocabulary import Malformed

KINDS = {"4 bits": datasketches.HLL_4, "6 bits": datasketches.HLL_6, "8 bits": datasketches.HLL_8}
HEADER = 40


def sketch(kind: str, count: int, lg_k: int = 14) -> Any:
    made = datasketches.hll_sketch(lg_k, KINDS[kind])
    for number in range(count):
        made.update(number)
    return made


def compact(kind: str, count: int) -> bytes:
    return bytes(sketch(kind, count).serialize_compact())


def merged(*values: bytes) -> float:
    union = datasketches.hll_union(14)
    for value in values:
        union.update(datasketches.hll_sketch.deserialize(value))
    return float(union.get_estimate())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 1, 7, 8, 1500, 1600, 20_000, 300_000])
def test_a_sketch_of_any_kind_is_read_as_the_library_reads_it(kind: str, count: int) -> None:
    """In a list of few, a set of some, registers of many, and with registers that are exceptions."""
    value = compact(kind, count)
    normal = hyperloglog.normal(value)
    assert len(normal) == hyperloglog.NORMAL_BYTES
    assert normal == hyperloglog.normal(compact("8 bits", count))
    assert hyperloglog.normal(normal) == normal
    # Once two that have registers are merged, the library, too, works all out anew.
    other = compact("8 bits", 5000)
    assert merged(normal, other, other) == merged(value, other, other) == merged(other, other, normal)
    if count > 1600:
        assert merged(normal) == merged(value, value)


def test_many_people_make_exceptions() -> None:
    assert struct.unpack_from("<I", compact("4 bits", 300_000), 36)[0] > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [8, 16, 24])
@pytest.mark.parametrize("claim", [1e300, float("nan"), float("inf"), -5.0, 0.0])
def test_what_a_sketch_states_beyond_its_registers_is_not_believed(kind: str, at: int, claim: float) -> None:
    value = compact(kind, 20_000)
    claiming = value[:at] + struct.pack("<d", claim) + value[at + 8 :]
    assert hyperloglog.normal(claiming) == hyperloglog.normal(value)


def put(value: bytes, at: int, *new: int) -> bytes:
    return value[:at] + bytes(new) + value[at + len(new) :]


LIST, SET = compact("8 bits", 5), compact("8 bits", 100)
FOUR, SIX, EIGHT = (compact(kind, 300_000) for kind in KINDS)
EXCEPTIONS = HEADER + 8192
HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "half a preamble": LIST[:7],
    "more than any kind has": EIGHT + bytes(9000),
    "another serial version": put(EIGHT, 1, 2),
    "another family": put(EIGHT, 2, 8),
    "a smaller size": bytes(sketch("8 bits", 5, 12).serialize_compact()),
    "a smaller size with as many bytes": put(EIGHT, 3, 12),
    "a size without end": put(EIGHT, 3, 255),
    "room to grow": bytes(sketch("4 bits", 5000).serialize_updatable()),
    "another mode": put(EIGHT, 7, 3 | 2 << 2),
    "another width": put(EIGHT, 7, 2 | 3 << 2),
    "a list with the preamble of a set": put(LIST, 0, 3),
    "a list longer than it is": put(LIST, 6, 255),
    "a list shorter than it is": put(LIST, 6, 4),
    "a coupon of nothing": put(LIST, 8, 0, 0, 0, 0),
    "a set longer than it is": put(SET, 8, 255, 255, 255, 255),
    "a set cut off in its preamble": SET[:10],
    "a set of more than a set holds": put(SET[:12], 8, 1, 8) + SET[12:16] * 2049,
    "registers cut off": EIGHT[:-1],
    "registers and more": EIGHT + b"\0",
    "a register larger than any": put(EIGHT, HEADER + 5, 64),
    "packed registers cut off": SIX[:-1],
    "exceptions without end": put(FOUR, 36, 255, 255, 255, 255),
    "an exception too few": put(FOUR[:-4], 36, FOUR[36] - 1),
    "an exception twice": FOUR[:-4] + FOUR[EXCEPTIONS : EXCEPTIONS + 4],
    "an exception for a register that is none": put(FOUR, EXCEPTIONS, *(FOUR[EXCEPTIONS] ^ 1,)),
    "a register that lacks its exception": put(FOUR, HEADER, 0xFF),
    "a least value larger than any": put(FOUR, 6, 255),
    "half registers above all": put(FOUR, 6, 60),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_bytes_are_malformed(what: str) -> None:
    with pytest.raises(Malformed):
        hyperloglog.normal(HOSTILE[what])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sketch with a few other bytes, mostly in its preamble and its exceptions."""
    value = bytearray(draw(st.sampled_from([LIST, SET, FOUR, SIX, EIGHT])))
    last = len(value) - 1
    places = st.integers(0, min(last, HEADER)) | st.integers(max(0, last - 80), last) | st.integers(0, last)
    for at in draw(st.lists(places, min_size=1, max_size=5)):
        value[at] = draw(st.integers(0, 255))
    return bytes(value)


@given(damaged() | st.binary(max_size=100))
def test_any_bytes_are_a_sketch_that_merges_or_malformed(value: bytes) -> None:
    try:
        normal = hyperloglog.normal(value)
    except Malformed:
        return
    assert len(normal) == hyperloglog.NORMAL_BYTES
    assert 0 <= merged(normal) <= merged(normal, EIGHT) < float("inf")
