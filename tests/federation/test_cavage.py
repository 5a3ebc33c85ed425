import base64
import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from federation import httpsig, keys
from federation.vocabulary import Malformed

from . import carol


@pytest.mark.parametrize(
    ("private", "algorithm"),
    [
        (carol.RSA, '"rsa-sha256"'),
        (carol.RSA, '"hs2019"'),
        (carol.RSA, ""),
        (carol.ED25519, '"ed25519"'),
        (carol.ED25519, '"hs2019"'),
        (carol.ED25519, ""),
    ],
)
async def test_a_signed_like_names_its_signer(private: keys.PrivateKey, algorithm: str) -> None:
    sent = carol.cavage(private=private, parameters={"algorithm": algorithm})
    signer = await carol.verify(sent, carol.Keyring(carol.key(private)))
    assert (signer.actor, signer.key_id, signer.signed_at) == (carol.CAROL, carol.KEY_ID, carol.NOW)


async def test_the_fingerprint_is_the_hash_of_the_raw_signature() -> None:
    sent = carol.cavage()
    encoded = dict(sent.headers)["signature"].rpartition('signature="')[2].rstrip('"')
    signer = await carol.verify(sent)
    assert signer.fingerprint == hashlib.sha256(base64.b64decode(encoded)).digest()


ACCEPTED: dict[str, dict[str, Any]] = {
    "parameters apart by a comma and a space": {"separator": ", "},
    "created instead of a date": {
        "covered": ("(request-target)", "host", "(created)", "digest"),
        "parameters": {"created": str(int(carol.NOW.timestamp()))},
    },
    "created in quotes": {
        "covered": ("(request-target)", "host", "(created)", "digest"),
        "parameters": {"created": f'"{int(carol.NOW.timestamp())}"'},
    },
    "not expired yet": {
        "covered": (*carol.COVERED, "(expires)"),
        "parameters": {"expires": str(int(carol.NOW.timestamp()) + 1)},
    },
    "expiry with a fraction": {
        "covered": (*carol.COVERED, "(expires)"),
        "parameters": {"expires": f"{int(carol.NOW.timestamp()) + 1}.5"},
    },
    "sha-256 in lower case": {"change": {"digest": "sha-256=" + carol.sha256(carol.LIKE)}},
    "a second digest algorithm": {
        "change": {"digest": f"SHA-512=unread==, SHA-256={carol.sha256(carol.LIKE)}"}
    },
    "host with the default port": {"change": {"host": "Ours.Test:443"}},
    "one hour old": {"change": {"date": carol.http_date(carol.NOW - carol.HOUR)}},
    "one hour ahead": {"change": {"date": carol.http_date(carol.NOW + carol.HOUR)}},
    "a GET without a digest": {"method": "GET", "body": b"", "covered": carol.COVERED[:3]},
    "a GET whose query isn't signed (microblog.pub)": {
        "method": "GET",
        "body": b"",
        "covered": carol.COVERED[:3],
        "target": "/actors/org/outbox?page=1",
        "signed_target": "/actors/org/outbox",
    },
}


@pytest.mark.parametrize("how", ACCEPTED)
async def test_what_real_servers_do_is_accepted(how: str) -> None:
    assert (await carol.verify(carol.cavage(**ACCEPTED[how]))).actor == carol.CAROL


# Each of these is truly signed: only the gate in question keeps it out.
REFUSED: dict[str, dict[str, Any]] = {
    "nothing but the date is signed": {"covered": ("date",)},
    "the target isn't signed": {"covered": ("host", "date", "digest")},
    "the host isn't signed": {"covered": ("(request-target)", "date", "digest")},
    "the time isn't signed": {"covered": ("(request-target)", "host", "digest")},
    "the digest is there but not signed": {"covered": ("(request-target)", "host", "date")},
    "a GET with a body has no signed digest": {
        "method": "GET",
        "covered": ("(request-target)", "host", "date"),
    },
    "no list of headers": {"parameters": {"headers": ""}},
    "a header is listed twice": {"covered": (*carol.COVERED, "date")},
    "a listed header is missing": {"covered": (*carol.COVERED, "x-missing")},
    "signed for another path": {"signed_target": "/actors/org/inbox"},
    "the query of a POST isn't signed": {"target": "/inbox?x=1", "signed_target": "/inbox"},
    "signed for another host": {"change": {"host": "elsewhere.test"}},
    "signed for another port": {"change": {"host": "ours.test:8443"}},
    "an unreadable host": {"change": {"host": "ours.test\\"}},
    "more than an hour old": {"change": {"date": carol.http_date(carol.NOW - carol.HOUR - carol.SECOND)}},
    "more than an hour ahead": {"change": {"date": carol.http_date(carol.NOW + carol.HOUR + carol.SECOND)}},
    "created more than an hour ago": {
        "covered": ("(request-target)", "host", "(created)", "date", "digest"),
        "parameters": {"created": str(int((carol.NOW - carol.HOUR - carol.SECOND).timestamp()))},
    },
    "created beyond time": {
        "covered": ("(request-target)", "host", "(created)", "digest"),
        "parameters": {"created": "9" * 30},
    },
    "created is a word": {
        "covered": ("(request-target)", "host", "(created)", "digest"),
        "parameters": {"created": '"now"'},
    },
    "a date that is none": {"change": {"date": "yesterday"}},
    "a date without a zone": {"change": {"date": "Sat, 21 Nov 2026 20:00:00 -0000"}},
    "a date without end": {"change": {"date": carol.http_date() + " " * 100 + "(comment)"}},
    "expired": {
        "covered": (*carol.COVERED, "(expires)"),
        "parameters": {"expires": str(int(carol.NOW.timestamp()) - 1)},
    },
    "expired, by a parameter that isn't signed": {"parameters": {"expires": "1"}},
    "an unknown algorithm": {"parameters": {"algorithm": '"hmac-sha256"'}},
    "an algorithm for another kind of key": {"parameters": {"algorithm": '"ed25519"'}},
    "no keyId": {"parameters": {"keyId": ""}},
    "a keyId without end": {"parameters": {"keyId": '"https://carol.test/' + "x" * 2048 + '"'}},
    "a parameter given twice": {"raw": lambda header: f'keyId="https://mallory.test/#k",{header}'},
    "an empty header": {"raw": lambda header: ""},
    "a garbled header": {"raw": lambda header: header.replace('"', "'")},
    "a quotation mark too many": {"raw": lambda header: header + '"'},
    "a header without end": {"raw": lambda header: header + ',x="' + "x" * 8192 + '"'},
    "parameters without end": {"raw": lambda header: header + "".join(f",{'x' * n}=1" for n in range(1, 20))},
    "a signature that is no base64": {"parameters": {"signature": '"*"'}},
    "no signature": {"parameters": {"signature": ""}},
    "a digest of another algorithm only": {"change": {"digest": "SHA-512=" + carol.sha256(carol.LIKE)}},
    "two SHA-256 digests": {"change": {"digest": f"SHA-256={carol.sha256(carol.LIKE)},sha-256=AAAA"}},
    "a digest that is no base64": {"change": {"digest": "SHA-256=*"}},
    "a digest of another body": {"change": {"digest": "SHA-256=" + carol.sha256(b"{}")}},
    "a GET with the digest of another body": {
        "method": "GET",
        "body": b"",
        "change": {"digest": "SHA-256=" + carol.sha256(b"{}")},
    },
    "a line break in a signed header": {
        "covered": (*carol.COVERED, "x-note"),
        "change": {"x-note": "a\ncontent-type: b"},
    },
    "too many signed headers": {
        "covered": (*carol.COVERED, *(f"x-{n}" for n in range(40))),
        "change": {f"x-{n}": "x" for n in range(40)},
    },
}


ONLY_THE_KEY_TELLS = {
    "signed for another path",
    "the query of a POST isn't signed",
    "an algorithm for another kind of key",
}


@pytest.mark.parametrize("why", REFUSED)
async def test_a_truly_signed_request_is_refused_all_the_same_and_its_key_not_asked_for(why: str) -> None:
    keyring = carol.Keyring(carol.key())
    with pytest.raises(httpsig.Forged):
        await carol.verify(carol.cavage(**REFUSED[why]), keyring)
    assert bool(keyring.asked) == (why in ONLY_THE_KEY_TELLS)


async def test_a_like_with_a_swapped_body_is_refused() -> None:
    sent = replace(carol.cavage(), body=carol.LIKE.replace(b"forest", b"coal"))
    with pytest.raises(httpsig.Forged):
        await carol.verify(sent)


@pytest.mark.parametrize("name", ["signature", "digest", "date", "host"])
async def test_a_header_that_must_be_single_is_refused_twice(name: str) -> None:
    sent = carol.cavage()
    again = (name.title(), dict(sent.headers)[name])
    with pytest.raises(httpsig.Forged, match="repeated"):
        await carol.verify(replace(sent, headers=(*sent.headers, again)))


async def test_other_headers_may_repeat_and_are_signed_joined() -> None:
    sent = carol.cavage(covered=(*carol.COVERED, "accept"), change={"accept": "a, b"})
    apart = tuple(line for line in sent.headers if line[0] != "accept")
    sent = replace(sent, headers=(("Accept", "a "), *apart, ("accept", " b")))
    assert (await carol.verify(sent)).actor == carol.CAROL


async def test_an_unsigned_request_is_refused() -> None:
    sent = carol.cavage()
    bare = tuple(line for line in sent.headers if line[0] != "signature")
    with pytest.raises(httpsig.Forged):
        await carol.verify(replace(sent, headers=bare))


async def test_another_key_does_not_fit() -> None:
    with pytest.raises(httpsig.Forged):
        await carol.verify(carol.cavage(private=keys.generate_rsa()))


async def test_a_request_signed_with_a_weak_key_is_refused() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    with pytest.raises(httpsig.Forged):
        await carol.verify(carol.cavage(private=weak), carol.Keyring(carol.key(weak)))


@pytest.mark.parametrize("private", [carol.RSA, carol.ED25519])
async def test_what_we_sign_passes_the_gate(private: keys.PrivateKey) -> None:
    sent = httpsig.sign(
        "cavage",
        method="POST",
        url="https://ours.test/inbox?x=1#frag",
        key=keys.SigningKey(carol.KEY_ID, private),
        now=carol.NOW,
        body=carol.LIKE,
        content_type="application/activity+json",
    )
    request = httpsig.Request("POST", "/inbox?x=1", (("Host", "ours.test"), *sent.items()), carol.LIKE)
    assert (await carol.verify(request, carol.Keyring(carol.key(private)))).signed_at == carol.NOW


def test_a_signed_post_is_what_the_draft_says() -> None:
    sent = httpsig.sign(
        "cavage",
        method="POST",
        url="https://carol.test/inbox",
        key=keys.SigningKey("https://ours.test/actors/org#main-key", carol.RSA),
        now=carol.NOW,
        body=b"{}",
        content_type="application/activity+json",
    )
    start, _, encoded = sent["Signature"].partition(',signature="')
    assert start == (
        'keyId="https://ours.test/actors/org#main-key",algorithm="rsa-sha256",'
        'headers="(request-target) host date digest content-type"'
    )
    text = (
        "(request-target): post /inbox\n"
        "host: carol.test\n"
        "date: Sat, 21 Nov 2026 20:00:00 GMT\n"
        "digest: SHA-256=RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=\n"
        "content-type: application/activity+json"
    )
    signature = base64.b64decode(encoded.rstrip('"'))
    carol.RSA.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("https://carol.test", "carol.test", "/"),
        ("https://carol.test?author=1", "carol.test", "/?author=1"),
        ("https://carol.test:443/a?b=c", "carol.test", "/a?b=c"),
        ("http://carol.test:8000/a#b", "carol.test:8000", "/a"),
    ],
)
def test_a_signed_get_covers_its_target_and_no_digest(url: str, host: str, target: str) -> None:
    key = keys.SigningKey(carol.KEY_ID, carol.ED25519)
    sent = httpsig.sign("cavage", method="GET", url=url, key=key, now=carol.NOW)
    assert set(sent) == {"Date", "Signature"}
    signature = base64.b64decode(sent["Signature"].rpartition('signature="')[2].rstrip('"'))
    text = f"(request-target): get {target}\nhost: {host}\ndate: {sent['Date']}"
    carol.ED25519.public_key().verify(signature, text.encode())


@pytest.mark.parametrize("url", ["ftp://carol.test/", "https://carol.test/é", "https:///x", "nonsense"])
def test_what_is_no_url_is_not_signed(url: str) -> None:
    key = keys.SigningKey(carol.KEY_ID, carol.ED25519)
    with pytest.raises(Malformed):
        httpsig.sign("cavage", method="GET", url=url, key=key, now=carol.NOW)


PIECES = st.sampled_from(
    [
        *("keyId=", "headers=", "signature=", "algorithm=", "created=", "expires=", "(created)", "(expires)"),
        *("(request-target) host date digest", "hs2019", carol.KEY_ID, "AAAA", "1.5", "9" * 20),
        *('"', ",", ", ", "\\", "=", "é"),
    ]
)


@given(header=st.text(max_size=300) | st.lists(PIECES, max_size=30).map("".join))
async def test_any_signature_header_is_refused_or_forged_and_nothing_worse(header: str) -> None:
    with pytest.raises(httpsig.Forged):
        await carol.verify(carol.cavage(raw=lambda _: header))


@given(
    parameters=st.dictionaries(
        st.sampled_from(["keyId", "algorithm", "created", "expires", "signature"]),
        st.text(max_size=40).map(lambda text: f'"{text}"') | st.integers().map(str),
    ),
    name=st.sampled_from(["date", "host", "digest", "x-other"]),
    value=st.text(max_size=60),
)
async def test_any_parameter_and_header_is_taken_or_forged_and_nothing_worse(
    parameters: dict[str, str], name: str, value: str
) -> None:
    sent = carol.cavage()
    headers = tuple(
        (each, value if each == name else was) for each, was in sent.headers if each != "signature"
    )
    signature = carol.cavage(
        covered=(*carol.COVERED, "(created)", "(expires)"),
        parameters={"created": "1", "expires": "1"} | parameters,
    ).headers[-1]
    with pytest.raises(httpsig.Forged):
        await carol.verify(replace(sent, headers=(*headers, signature)))
