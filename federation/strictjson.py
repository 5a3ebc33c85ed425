"""JSON from strangers, read in the one way on which every parser agrees."""

import json
import math
import re
from typing import Any, Final

from federation.vocabulary import Malformed

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32

# Possessive, and the closing quote optional: it never fails, so it can't be made to try again and again.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKET = bytes(each for each in range(256) if each not in b"[]{}")
# What may spell a surrogate or a NUL; whether it does is then looked up in the strings themselves.
_SUSPECT = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")
_UNFIT = re.compile("[\x00\ud800-\udfff]")
_WHITESPACE = " \t\n\r"


def decode(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; Malformed for anything else, and for what parsers read differently.

    UTF-8 without a mark, at most 1 MiB, 32 levels, keys unique, numbers finite, integers within 64 bits, and
    strings that every database can store: neither lone surrogates nor NUL (PostgreSQL takes none of them).
    """
    if len(body) > MAX_BYTES:
        raise Malformed("larger than 1 MiB")
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _deeper_than(body, MAX_DEPTH):
        raise Malformed("nested too deeply")
    try:
        text = body.decode().strip(_WHITESPACE)
        document, end = _decoder.raw_decode(text)
    except Malformed:
        raise
    except ValueError as error:
        raise Malformed("not JSON") from error
    if end != len(text):
        raise Malformed("not JSON")
    if type(document) is not dict:
        raise Malformed("not a JSON object")
    if b"\\u" in body and _SUSPECT.search(body) and not _storable(document):
        raise Malformed("a string that is not text")
    return document


def _deeper_than(body: bytes, levels: int) -> bool:
    """Every round takes the innermost pairs away, at the speed of C. What isn't balanced isn't JSON."""
    brackets = _STRING.sub(b"", body).translate(_BRACKETS, _NO_BRACKET)
    for _ in range(levels):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _storable(value: object) -> bool:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if _UNFIT.search(value):
                return False
        elif isinstance(value, dict):
            waiting += value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return True


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a key twice")
    return found


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -(1 << 63) <= (number := int(digits)) < 1 << 63:
        raise Malformed("a number too large")
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Malformed("a number too large")
    return number


def _constant(name: str) -> float:
    raise Malformed(f"{name} is not JSON")


_decoder = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
