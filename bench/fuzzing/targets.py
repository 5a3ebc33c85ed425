"""What reads strangers' bytes: each takes any bytes, and raises nothing but what it says."""

import email
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from multidict import MultiDict

from federation import (
    activities,
    answers,
    content,
    handovers,
    httpsig,
    hyperloglog,
    keys,
    multibase,
    proofs,
    rosters,
    sketches,
    strictjson,
    tallies,
    vocabulary,
    webfinger,
)
from federation.httpsig import cavage, digests, messages, rfc9421
from federation.vocabulary import Malformed
from fedicause import blocklist, fields, mail
from fedicause.campaigning import manuscript
from fedicause.coalition import transcribe
from fedicause.fediverse import interpret, recognise
from fedicause.letters import bounce
from fedicause.urls import Urls
from fedicause.web import forms, negotiate, translations
from storage.actors import Description

NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
OURS: Final = "https://ours.test"
_URLS: Final = Urls(OURS)
_CAMPAIGN: Final = Description(
    uri=f"{OURS}/actors/forest", host="ours.test", type="Group", handle="forest", name="Forest", url=None,
    inbox=f"{OURS}/actors/forest/inbox", shared_inbox=None, moved_to=None, keys=(),
)  # fmt: skip
REFUSED: Final = (Malformed, httpsig.Forged, httpsig.KeyPending, fields.Unusable, mail.NoAddress)


def _json(data: bytes) -> dict[str, Any]:
    return strictjson.decode(data)


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


def _activity(data: bytes) -> None:
    activity = activities.read(_json(data))
    activities.reaction(activity)
    activity.own_object()
    activity.has_foreign_id()
    interpret.read(activity, _URLS)
    activity.answered()


def _request(data: bytes) -> httpsig.Request:
    """Headers, a line each, then the body; the bytes of headers as aiohttp gives them."""
    head, _, body = data.partition(b"\n\n")
    lines = [line.partition(b":") for line in head.split(b"\n")]
    given = tuple((_text(name), _text(value)) for name, _, value in lines)
    return httpsig.Request("POST", "/inbox", given, body)


def _cavage(data: bytes) -> None:
    request = _request(data)
    found = cavage.claim(request, messages.fields(request.headers), base_url=OURS, now=NOW, window=HOUR)
    found.fits(_KEY.public)


def _rfc9421(data: bytes) -> None:
    request = _request(data)
    headers = messages.fields(request.headers)
    for found in rfc9421.claims(request, headers, base_url=OURS, now=NOW, window=HOUR):
        found.fits(_KEY.public)


_KEY: Final = keys.Key(f"{OURS}/actor#main-key", f"{OURS}/actor", keys.generate_ed25519().public_key())


async def _key_for(key_id: str, *, fresh: bool) -> keys.Key:
    return _KEY


def _proof(data: bytes) -> None:
    # It waits for nothing but the key, which is there.
    verified = proofs.verify(_json(data), _key_for, now=NOW)
    try:
        verified.send(None)
    except StopIteration:
        return


def _campaign(data: bytes) -> None:
    document = _json(data)
    parts: list[Any] = [document.get(name) for name in ("note", "actor", "told")]
    note, actor, told = (each if isinstance(each, dict) else {} for each in parts)
    transcribe.copy(
        {"id": f"{OURS}/x"} | note, actor, campaign=_CAMPAIGN, organisation=_CAMPAIGN, told=told, now=NOW
    )


def _bounce(data: bytes) -> None:
    parsed = email.message_from_bytes(data)
    bounce._token(parsed, data)
    bounce._has_failed(parsed, data)


def _blocks(data: bytes) -> None:
    found = blocklist._read(_text(data).encode(errors="replace").decode())
    assert len(found.entries) <= blocklist.MOST


def _form(data: bytes) -> None:
    sent: MultiDict[object] = MultiDict(
        (name, value) for name, _, value in (line.partition("=") for line in _text(data).split("\n"))
    )
    for read in (forms.address, forms.reason):
        read(sent)
    forms.link_token(_text(data))
    forms._line(sent, "name").encode()


def _headers(data: bytes) -> None:
    line = _text(data)
    negotiate.prefers_activity(line)
    answers.retry_after(line, NOW)
    answers.is_activity_type([line])
    answers.etag(line)
    translations.choose(line, line, "en")


def _lenient(*readers: Callable[[str], object]) -> Callable[[bytes], None]:
    """All of these, each for itself."""

    def read(data: bytes) -> None:
        for reader in readers:
            try:
                reader(_text(data))
            except REFUSED:
                continue

    return read


TARGETS: Final[Mapping[str, Callable[[bytes], object]]] = {
    "strictjson": _json,
    "activity": _activity,
    "actor": lambda data: (recognise.describe(_json(data)), keys.keys_of(_json(data))),
    "cavage": _cavage,
    "rfc9421": _rfc9421,
    "digest": lambda data: digests.check_digest(_text(data), b""),
    "proof": _proof,
    "multibase": lambda data: multibase.decode(_text(data), size=64),
    "pem": lambda data: keys.load_public(_text(data)),
    "tally": lambda data: tallies.read(_json(data), now=NOW),
    "tallies": lambda data: tallies.read_collection(_json(data)),
    "evidence": lambda data: tallies.read_evidence(_json(data)),
    "roster": lambda data: rosters.read(_json(data), now=NOW),
    "sketch": lambda data: sketches.read(_json(data)),
    "hyperloglog": hyperloglog.normal,
    "handover": lambda data: handovers.read(_json(data)),
    "campaign": _campaign,
    "names": _lenient(
        vocabulary.host_of, webfinger.parse_handle, webfinger.parse_resource, sketches.canonical, mail.address,
        fields.language, fields.name, fields.people, fields.day, sketches.read_key, blocklist.host_in,
    ),
    "headers": _headers,
    "html": lambda data: content.clean(_text(data).encode(errors="replace").decode()),
    "manuscript": lambda data: manuscript.parse(_text(data).encode(errors="replace").decode(), Path("x.md")),
    "bounce": _bounce,
    "blocklist": _blocks,
    "form": _form,
}  # fmt: skip


def takes(name: str, data: bytes) -> bool:
    """Whether these bytes are taken; anything that is neither yes nor no is raised."""
    try:
        TARGETS[name](data)
    except REFUSED:
        return False
    except ValueError as error:
        # The one that tells its own by ValueError alone: see its docstring.
        if name == "hyperloglog" and type(error) is ValueError:
            return False
        raise
    return True


SEEDS: Final[Mapping[str, bytes]] = {
    "cavage": (
        b'signature: keyId="https://a.test/b#k",algorithm="hs2019",headers="(request-target) host date digest",'
        b'signature="AAAA"\nhost: ours.test\ndate: Sat, 21 Nov 2026 12:00:00 GMT\n'
        b"digest: SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n"
    ),
    "rfc9421": (
        b'signature-input: sig1=("@method" "@target-uri" "content-digest");created=1795262400;keyid="https://a.test/k"\n'
        b"signature: sig1=:AAAA:\ncontent-digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:\n\n"
    ),
    "digest": b"SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "actor": json.dumps({
        "id": f"{OURS}/users/a", "type": "Person", "inbox": f"{OURS}/inbox", "name": "A", "url": f"{OURS}/@a",
        "publicKey": {"id": f"{OURS}/users/a#main-key", "owner": f"{OURS}/users/a", "publicKeyPem": "x"},
        "endpoints": {"sharedInbox": f"{OURS}/inbox"}, "assertionMethod": [{"id": "x", "type": "Multikey"}],
    }).encode(),
    "campaign": json.dumps({
        "note": {"content": "<p>A</p>", "contentMap": {"en": "<p>A</p>"}, "tag": [{"type": "Hashtag", "name": "#a"}],
                 "attachment": [{"type": "Image", "url": f"{OURS}/a.png"}], "published": "2026-11-21T12:00:00Z"},
        "actor": {"image": {"type": "Image", "url": []}},
        "told": {"kind": "petition", "goal": 10, "ends": "2027-01-01T00:00:00Z", "support": {"shares": 1},
                 "thresholds": "eci", "registered": "2026-01-01", "topic": "x", "language": "en"},
    }).encode(),
    "handover": json.dumps({
        "type": handovers.TYPE, "id": "a", "attributedTo": "b", "fc:campaign": "c", "name": "d", "published": "e",
        "fc:signatures": 1,
        "fc:files": [{"name": "a", "mediaType": "text/csv", "fc:sha256": "0" * 64, "fc:size": 3}],
    }).encode(),
    "manuscript": b"---\ntitle: A\nslug: a\nkind: petition\ntopic: B\ngoal: 10\nlanguage: en\nends: 2030-12-31\n---\n# A\n*b*",
    "bounce": (
        b"To: bounce+0123456789abcdef0123456789abcdef@ours.test\nContent-Type: multipart/report; boundary=x\n\n--x\n"
        b"Content-Type: message/delivery-status\n\nReporting-MTA: x\n\nAction: failed\nStatus: 5.1.1\n\n--x--\n"
    ),
    "blocklist": b"#domain,#severity,#public_comment\nspam.example,suspend,spam\n*.evil.example,silence,\n",
    "form": b"name=Bob\nmail=bob@mail.example\nreason=A\ncountry=DE",
    "headers": b'text/html, application/ld+json; profile="https://www.w3.org/ns/activitystreams";q=0.9, */*',
    "names": b"@bob@mail.example",
    "html": b'<p>a <a href="https://a.example/">a.example</a><script>x</script>',
    "multibase": multibase.encode(bytes(range(64))).encode(),
    "hyperloglog": sketches.grown(None, [bytes([number]) * 32 for number in range(40)]),
}  # fmt: skip
