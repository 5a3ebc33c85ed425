import dataclasses
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from federation import httpsig, keys

from . import carol

FIXTURES = Path(__file__).parents[1] / "interop" / "fixtures"


@dataclasses.dataclass(frozen=True)
class Recorded:
    """A request that a real server sent, and the actors whose keys it may have used."""

    name: str
    request: httpsig.Request
    at: datetime
    actors: list[dict[str, Any]]

    @property
    def keyring(self) -> carol.Keyring:
        return carol.Keyring(*(key for actor in self.actors for key in keys.keys_of(actor)))

    async def verify(self, request: httpsig.Request | None = None) -> httpsig.Signer:
        return await carol.verify(request or self.request, self.keyring, now=self.at)


def recorded() -> Iterator[Recorded]:
    for path in sorted(FIXTURES.glob("*/*.json")):
        file = json.loads(path.read_text())
        name = f"{path.parent.name}/{path.stem}"
        if "request" in file:
            actors = [each for each in (file["actor"], file["key"]) if each]
            yield Recorded(name, read(file["request"]), datetime.fromisoformat(file["recorded_at"]), actors)
        for number, sent in enumerate(file.get("requests", ())):
            # The bodies of these POSTs are in the other files.
            if sent["method"] == "GET" and any(each.lower() == "signature" for each, _ in sent["headers"]):
                signers = list(file["signers"].values())
                yield Recorded(f"{name}-{number}", read(sent), datetime.fromisoformat(sent["time"]), signers)


def read(sent: dict[str, Any]) -> httpsig.Request:
    headers = tuple((name, value) for name, value in sent["headers"])
    return httpsig.Request(sent["method"], sent["target"], headers, sent.get("body", "").encode())


RECORDED = list(recorded())
by_name = pytest.mark.parametrize("sent", RECORDED, ids=[each.name for each in RECORDED])


def test_the_recorded_requests_are_all_here() -> None:
    assert len(RECORDED) == 134
    assert len({each.name.partition("/")[0] for each in RECORDED}) == 5


@by_name
async def test_what_a_real_server_signed_is_verified(sent: Recorded) -> None:
    signer = await sent.verify()
    assert signer.actor in {actor["id"] for actor in sent.actors}
    assert abs((signer.signed_at - sent.at).total_seconds()) < 30


def flipped(text: str, position: int) -> str:
    return text[:position] + chr(ord(text[position]) ^ 1) + text[position + 1 :]


def covered(request: httpsig.Request) -> set[str]:
    headers = {name.lower(): value for name, value in request.headers}
    if "signature-input" in headers:
        return set(headers["signature-input"].partition("(")[2].partition(")")[0].replace('"', "").split())
    return set(headers["signature"].partition('headers="')[2].partition('"')[0].split())


@by_name
async def test_one_flipped_byte_of_what_was_signed_is_refused(sent: Recorded) -> None:
    request = sent.request
    variants = [replace(request, target=flipped(request.target, len(request.target) - 1))]
    if request.body:
        for position in (0, len(request.body) // 2, len(request.body) - 1):
            body = bytearray(request.body)
            body[position] ^= 1
            variants.append(replace(request, body=bytes(body)))
    signed = covered(request)
    for index, (name, value) in enumerate(request.headers):
        if name.lower() in signed:
            positions = [0, len(value) // 2, len(value) - 1]
        elif name.lower() == "signature":
            # Into the middle of the longest word, which is the signature itself.
            longest = max(value.replace(":", '"').split('"'), key=len)
            positions = [value.index(longest), value.index(longest) + len(longest) // 2]
        elif name.lower() == "signature-input":
            positions = [len(value) - 1, value.index("keyid") + 10]
        else:
            continue
        for position in positions:
            headers = list(request.headers)
            headers[index] = (name, flipped(value, position))
            variants.append(replace(request, headers=tuple(headers)))
    for variant in variants:
        with pytest.raises(httpsig.Forged):
            await sent.verify(variant)


@by_name
async def test_the_same_request_is_refused_an_hour_later_and_on_another_host(sent: Recorded) -> None:
    with pytest.raises(httpsig.Forged):
        await carol.verify(sent.request, sent.keyring, now=sent.at + carol.HOUR + 30 * carol.SECOND)
    with pytest.raises(httpsig.Forged):
        await carol.verify(sent.request, sent.keyring, now=sent.at, base_url="https://theirs.test")


BOTH = pytest.mark.parametrize("signed", [carol.cavage, carol.rfc9421], ids=["cavage", "rfc9421"])


@BOTH
async def test_a_key_that_fits_is_asked_for_once(signed: Any) -> None:
    keyring = carol.Keyring(carol.key())
    await carol.verify(signed(), keyring)
    assert keyring.asked == [(carol.KEY_ID, False)]


@BOTH
async def test_a_key_that_changed_is_asked_for_afresh(signed: Any) -> None:
    keyring = carol.Keyring(carol.key(keys.generate_rsa()), fresh=carol.key())
    assert (await carol.verify(signed(), keyring)).actor == carol.CAROL
    assert keyring.asked == [(carol.KEY_ID, False), (carol.KEY_ID, True)]


@BOTH
async def test_a_key_that_does_not_fit_is_asked_for_afresh_only_once(signed: Any) -> None:
    keyring = carol.Keyring(carol.key(keys.generate_rsa()), fresh=carol.key(keys.generate_rsa()))
    with pytest.raises(httpsig.Forged):
        await carol.verify(signed(), keyring)
    assert len(keyring.asked) == 2


@BOTH
async def test_a_key_handed_back_under_another_id_is_refused(signed: Any) -> None:
    async def key_for(key_id: str, /, *, fresh: bool) -> keys.Key:
        return carol.key(key_id="https://mallory.test/#key", owner="https://mallory.test/")

    with pytest.raises(httpsig.Forged):
        await carol.verify(signed(), key_for)


@BOTH
async def test_the_owner_of_the_key_is_the_signer_whatever_the_key_id_looks_like(signed: Any) -> None:
    signer = await carol.verify(signed(), carol.Keyring(carol.key(owner="https://carol.test/users/alice")))
    assert signer.actor == "https://carol.test/users/alice"


@BOTH
async def test_a_key_that_cannot_be_had_now_leaves_the_answer_open(signed: Any) -> None:
    async def key_for(key_id: str, /, *, fresh: bool) -> keys.Key:
        raise httpsig.KeyPending(key_id)

    with pytest.raises(httpsig.KeyPending):
        await carol.verify(signed(), key_for)


@BOTH
async def test_a_key_that_cannot_be_had_afresh_now_leaves_the_answer_open(signed: Any) -> None:
    async def key_for(key_id: str, /, *, fresh: bool) -> keys.Key:
        if fresh:
            raise httpsig.KeyPending(key_id)
        return carol.key(keys.generate_rsa())

    with pytest.raises(httpsig.KeyPending):
        await carol.verify(signed(), key_for)


async def test_a_pending_key_outweighs_a_later_label_that_does_not_verify() -> None:
    sent = carol.rfc9421(label="a", key_id="https://slow.test/#k")
    sent = carol.rfc9421(append_to=sent, label="b", key_id="https://false.test/#k")

    async def key_for(key_id: str, /, *, fresh: bool) -> keys.Key:
        if key_id == "https://slow.test/#k":
            raise httpsig.KeyPending(key_id)
        return carol.key(carol.ED25519, key_id)

    with pytest.raises(httpsig.KeyPending):
        await carol.verify(sent, key_for)


async def test_a_request_with_signature_input_is_not_read_as_draft_cavage() -> None:
    sent = carol.cavage()
    both = replace(sent, headers=(*sent.headers, ("Signature-Input", 'sig1=("date")')))
    with pytest.raises(httpsig.Forged):
        await carol.verify(both)


@pytest.mark.parametrize("target", ["", "*", "https://ours.test/inbox", "@elsewhere.test/inbox"])
@BOTH
async def test_a_target_that_is_no_path_is_refused(signed: Any, target: str) -> None:
    sent = replace(signed(), target=target)
    with pytest.raises(httpsig.Forged, match="not a path"):
        await carol.verify(sent)


@BOTH
async def test_a_base_url_behind_a_proxy_may_be_spelled_in_capitals_and_end_in_a_slash(signed: Any) -> None:
    assert (await carol.verify(signed(), base_url="HTTPS://Ours.Test:443/")).actor == carol.CAROL


@BOTH
async def test_more_than_a_hundred_repeated_headers_are_refused(signed: Any) -> None:
    sent = signed()
    with pytest.raises(httpsig.Forged):
        await carol.verify(replace(sent, headers=sent.headers + (("x", "y"),) * 200))
