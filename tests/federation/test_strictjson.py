"""Whatever comes in, it is one JSON object that every parser reads alike, or it is refused."""

import contextlib
import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import strictjson
from federation.vocabulary import Malformed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def plain_number(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(plain_number, value.values()))
    if isinstance(value, list):
        return all(map(plain_number, value))
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or -(2**63) <= value < 2**63


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=5), st.booleans())
def test_valid_json_is_read_as_everybody_reads_it(document: dict[str, Any], ascii_only: bool) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only)
    strings = json.dumps(document, ensure_ascii=False)
    if depth(document) <= 32 and plain_number(document) and "\\u0000" not in strings:
        assert strictjson.decode(text.encode()) == json.loads(text)
    else:
        with contextlib.suppress(Malformed):
            assert strictjson.decode(text.encode()) == json.loads(text)


@given(
    st.binary(max_size=60)
    | st.text(alphabet='{}[]",:\\u0d89e+-.1 naNItrufl', max_size=60).map(str.encode)
    | st.text(alphabet='\\"ud8bc0', max_size=20).map(lambda text: f'{{"a":"{text}"}}'.encode())
)
def test_anything_is_an_object_or_malformed(body: bytes) -> None:
    try:
        document = strictjson.decode(body)
    except Malformed:
        return
    assert document == json.loads(body.decode())
    json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{} {}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": "\\ude00\\ud83d"}',
        b'{"a": "x\\u0000"}',
        b'{"a": "\x01"}',
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"b": [{"a": 1, "a": 1}]}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 9223372036854775808}',
        b'{"a": -9223372036854775809}',
        b'{"a": ' + b"1" * 5000 + b"}",
        b'{"a": ' + b"[" * 32 + b"]" * 32 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" * 100_000,
        b'{"a": "' + b"x" * (1 << 20) + b'"}',
    ],
)
def test_what_parsers_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        strictjson.decode(body)


def test_the_limits_themselves_are_allowed() -> None:
    deepest = b'{"a": ' + b"[" * 31 + b"]" * 31 + b"}"
    assert strictjson.decode(deepest) == json.loads(deepest)
    brackets = json.dumps({"a": "[{" * 100, "b": '\\"{[', "c": "\\"}).encode()
    assert strictjson.decode(brackets) == json.loads(brackets)
    assert strictjson.decode(b'{"a": [9223372036854775807, -9223372036854775808]}')["a"][0] == 2**63 - 1
    assert strictjson.decode(b'{"a": "\\ud83d\\ude00 \\\\ud800"}') == {"a": "😀 \\ud800"}
    largest = b'{"a": "' + b"x" * (strictjson.MAX_BYTES - 9) + b'"}'
    assert len(largest) == strictjson.MAX_BYTES
    assert strictjson.decode(largest)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "' + b'\\"' * 500_000,
        b'"' * 1_000_000,
        b'{"a": [' + b"[]," * 340_000 + b"1]}",
        b'{"a": [' + b'"\\ud83d\\ude00",' * 60_000 + b"1]}",
        b"{" * 1_000_000,
        b"[]" * 500_000,
    ],
)
def test_the_worst_body_takes_no_longer_than_a_large_one(body: bytes) -> None:
    # So many small values are the most work that is let through.
    honest = b'{"a": [' + b"1," * 500_000 + b"1]}"

    def seconds(read: bytes) -> float:
        start = time.thread_time()
        with contextlib.suppress(Malformed):
            strictjson.decode(read)
        return time.thread_time() - start

    assert min(seconds(body) for _ in range(3)) < 20 * min(seconds(honest) for _ in range(3))
