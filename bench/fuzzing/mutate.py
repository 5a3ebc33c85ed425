"""Makes something else of what was well meant: bytes, JSON, lines of headers, fields of forms."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

# fmt: off
STRINGS: Final = (
    "", " ", "\0", "\ud800", "\u202e", "\ufeff", "ß" * 300, "A" * 3000, "🌳" * 50, "%00", "%ff", "%", "..", "/",
    "\\", "'", '"', "<", "<script>alert(1)</script>", "{{ 7*7 }}", "' OR 1=1 --", "\r\nX: 1", "\n", "\t", "=1+1",
    "https://", "https://ours.test", "https://ours.test/campaigns/call0", "https://ours.test/actors/call0",
    "https://ours.test/campaigns/call0@ours.test", "https://[::1]/", "http://127.0.0.1:1/", "https://a@b/",
    "https://xn--/", "https://xn--a-.test/", "https://\u0660.test/", "acct:a@b", "as:Public", "Public",
    "https://www.w3.org/ns/activitystreams#Public", "did:key:z6Mk", "urn:uuid:1", "javascript:alert(1)",
    "2026-11-21T12:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "2026-W01-1", "yesterday",
    "null", "true", "-1", "1e999", "0x10", "١٢", "²", "½", "NaN", "99999999999999999999", "en", "de-CH-1901",
    "x-klingon", "zz", "bob@mail.example", "bob@localhost", "@bob@mail.example", "bob@mail.example\r\nBcc: x@y.z",
    "bob+x@MAIL.example", '"bob"@mail.example', "bob@[127.0.0.1]", "bob@xn--.example", "1", "0", "yes", "on",
)
_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63 - 1, -(2**63), 0.1, 1e308, -0.0, [], {}, [[]], [{}],
    {"id": None}, {"id": []}, {"id": {}}, {"type": []}, [None], [1, "a"], {"": ""}, {"@id": "x"}, {"a": {"b": {}}},
    [["Note"]], [{"type": "Note"}], {"en": "x"}, {"en": []},
)
# As text: each time another one, for what is in one document is changed there.
VALUES: Final = tuple(json.dumps(each) for each in _VALUES)
TYPES: Final = (
    "Accept", "Add", "Announce", "Block", "Create", "Delete", "EmojiReact", "Flag", "Follow", "Invite", "Join",
    "Leave", "Like", "Move", "Reject", "Remove", "Undo", "Update", "View", "Note", "Person", "Group",
    "Collection", "fc:Tally", "fc:Sketch", "fc:Equivocation", "Tombstone", "DataIntegrityProof",
)
# fmt: on
_BYTES: Final = (
    b"\0",
    b"\xff",
    b"\xc0\x80",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
)


def raw(chance: random.Random, data: bytes) -> bytes:
    """The same bytes but for a few."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        place = chance.randrange(len(found) + 1)
        match chance.randrange(5):
            case 0 if place < len(found):
                found[place] ^= 1 << chance.randrange(8)
            case 1:
                found[place:place] = chance.choice(_BYTES)
            case 2:
                del found[place : place + chance.choice((1, 2, 8, 64))]
            case 3:
                start = chance.randrange(len(found) + 1)
                found[place:place] = found[start : start + chance.choice((1, 4, 32, 256))]
            case _:
                found[place : place + 1] = bytes([chance.randrange(256)])
    return bytes(found)


def text(chance: random.Random, given: str) -> str:
    """The same text but for something, or another one."""
    match chance.randrange(6):
        case 0:
            return chance.choice(STRINGS)
        case 1:
            return given + chance.choice(STRINGS)
        case 2:
            return chance.choice(STRINGS) + given
        case 3:
            place = chance.randrange(len(given) + 1)
            return given[:place] + chance.choice(STRINGS) + given[place + chance.randrange(3) :]
        case 4:
            return given * chance.choice((2, 3, 40))
        case _:
            return given[: chance.randrange(len(given) + 1)]


def document(chance: random.Random, given: dict[str, Any], others: Sequence[str]) -> dict[str, Any]:
    """A JSON object with a few of its values replaced, removed, doubled, wrapped, or from another one (as text)."""
    found: dict[str, Any] = json.loads(json.dumps(given))
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        holder: Any = found
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = chance.choice(keys)
            if isinstance(holder[key], dict | list) and holder[key] and chance.random() < 0.6:
                holder = holder[key]
                continue
            _change(chance, holder, key, others)
            break
    return found


def _change(chance: random.Random, holder: Any, key: Any, others: Sequence[str]) -> None:
    value = holder[key]
    changes: list[Callable[[], Any]] = [
        lambda: json.loads(chance.choice(VALUES)),
        lambda: chance.choice(STRINGS),
        lambda: text(chance, value) if isinstance(value, str) else value,
        lambda: [value],
        lambda: [value, value],
        lambda: {"id": value},
        lambda: chance.choice(TYPES),
        lambda: json.loads(chance.choice(others)),
        lambda: json.loads("[" * 25 + "]" * 25),
        lambda: [value] * chance.choice((2, 100, 1500)) if len(repr(value)) < 200 else value,
    ]
    if isinstance(holder, dict) and chance.random() < 0.15:
        del holder[key]
    elif isinstance(holder, dict) and chance.random() < 0.2:
        other = json.loads(chance.choice(others))
        name = chance.choice(list(other))
        holder[name] = other[name]
    else:
        holder[key] = chance.choice(changes)()
