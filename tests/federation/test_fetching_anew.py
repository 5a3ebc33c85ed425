"""What is asked of peers again and again, by whom, and the pictures that are fetched."""

import asyncio

import pytest
from aiohttp import web

from federation import keys, vocabulary
from federation.remote import Missing, Refused, Remote, Unchanged, Unreachable, Unusable
from tests.clock import Clock
from tests.federation.peers import ACTOR, KEY, Peer, signer_of

ETAG = '"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"'
PNG = b"\x89PNG\r\n\x1a\n and so on"


def serve(carol: Peer, *, etag: str) -> str:
    """A document that honours If-None-Match, as far as that is equality; returns its id."""

    async def answering(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        return web.json_response(
            {"id": carol.url("/tallies")}, content_type=vocabulary.ACTIVITY_JSON, headers={"ETag": etag}
        )

    carol.answer("/tallies", answering)
    return carol.url("/tallies")


async def test_what_has_not_changed_is_not_sent_again(remote: Remote, carol: Peer) -> None:
    uri = serve(carol, etag=ETAG)
    document = await remote.fetch(uri)
    assert document.etag == ETAG
    with pytest.raises(Unchanged):
        await remote.fetch(uri, etag=document.etag)
    assert [each.headers.get("if-none-match") for each in carol.seen] == [None, ETAG]


async def test_what_has_changed_comes_with_its_new_etag(remote: Remote, carol: Peer) -> None:
    document = await remote.fetch(serve(carol, etag=ETAG), etag='"older"')
    assert (document.data["id"], document.etag) == (carol.url("/tallies"), ETAG)


async def test_a_condition_is_signed_for_like_every_request(
    remote: Remote, carol: Peer, clock: Clock
) -> None:
    with pytest.raises(Unchanged):
        await remote.fetch(serve(carol, etag=ETAG), etag=ETAG)
    assert await signer_of(carol.seen[0], carol, clock.now()) == ACTOR


async def test_unchanged_is_no_answer_to_a_question_without_a_condition(remote: Remote, carol: Peer) -> None:
    carol.serve("/a", b"", status=304)
    with pytest.raises(Unusable):
        await remote.fetch(carol.url("/a"))


@pytest.mark.parametrize("etag", ["", "bare", '"un"quoted"', '"' + "x" * 201 + '"', '"ü"', 'W/"', 'w/"a"'])
async def test_an_etag_that_could_not_be_sent_back_is_none(remote: Remote, carol: Peer, etag: str) -> None:
    carol.serve("/a", {"id": carol.url("/a")}, headers={"ETag": etag})
    assert (await remote.fetch(carol.url("/a"))).etag is None


async def test_an_etag_that_a_proxy_weakened_is_kept(remote: Remote, carol: Peer) -> None:
    carol.serve("/a", {"id": carol.url("/a")}, headers={"ETag": f"W/{ETAG}"})
    assert (await remote.fetch(carol.url("/a"))).etag == f"W/{ETAG}"


async def test_the_condition_is_not_for_the_host_that_a_document_names(
    remote: Remote, carol: Peer, mallory: Peer
) -> None:
    uri = serve(carol, etag=ETAG)
    mallory.serve("/copy", {"id": uri})
    assert (await remote.fetch(mallory.url("/copy"), etag=ETAG)).url == uri
    assert "if-none-match" not in carol.seen[0].headers


async def test_another_key_than_the_instances_signs_where_it_is_given(
    remote: Remote, carol: Peer, clock: Clock
) -> None:
    uri = carol.document("/sketch")
    organisation = "https://ours.test/actors/org"
    await remote.fetch(uri, key=keys.SigningKey(f"{organisation}#main-key", KEY.private))
    assert await signer_of(carol.seen[0], carol, clock.now()) == organisation


# Pictures


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/webp", "IMAGE/GIF; q=1"])
async def test_a_picture_is_fetched_as_it_is_and_unsigned(
    remote: Remote, carol: Peer, media_type: str
) -> None:
    carol.serve("/picture", PNG, media_type=media_type)
    assert await remote.fetch_picture(carol.url("/picture")) == PNG
    (asked,) = carol.seen
    assert asked.headers["accept"] == "image/png, image/jpeg, image/webp, image/gif"
    assert "signature" not in asked.headers


@pytest.mark.parametrize(
    "media_type",
    ["image/svg+xml", "image/tiff", "text/html", "application/octet-stream", "image/png, text/html", ""],
)
async def test_no_other_media_type_is_a_picture(remote: Remote, carol: Peer, media_type: str) -> None:
    carol.serve("/picture", PNG, media_type=media_type)
    with pytest.raises(Unusable, match="media type"):
        await remote.fetch_picture(carol.url("/picture"))


async def test_a_picture_is_no_larger_than_was_asked_for(remote: Remote, carol: Peer) -> None:
    carol.serve("/picture", PNG + bytes(1000), media_type="image/png")
    assert len(await remote.fetch_picture(carol.url("/picture"), most=len(PNG) + 1000)) == len(PNG) + 1000
    with pytest.raises(Unusable, match="more than"):
        await remote.fetch_picture(carol.url("/picture"), most=len(PNG) + 999)


async def test_a_picture_may_have_moved_but_not_for_ever(remote: Remote, carol: Peer, mallory: Peer) -> None:
    carol.redirect("/picture", mallory.url("/elsewhere"))
    mallory.serve("/elsewhere", PNG, media_type="image/png")
    assert await remote.fetch_picture(carol.url("/picture")) == PNG
    carol.redirect("/round", "/and-round")
    carol.redirect("/and-round", "/round")
    with pytest.raises(Unusable, match="without end"):
        await remote.fetch_picture(carol.url("/round"))


@pytest.mark.parametrize(("status", "error"), [(404, Missing), (403, Refused), (304, Unusable)])
async def test_a_picture_that_is_not_there_is_none(
    remote: Remote, carol: Peer, status: int, error: type[Exception]
) -> None:
    carol.serve("/picture", b"", status=status, media_type="image/png")
    with pytest.raises(error):
        await remote.fetch_picture(carol.url("/picture"))


async def test_a_picture_that_drips_is_given_up(remote: Remote, carol: Peer) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "image/png"})
        await answer.prepare(request)
        while True:
            await answer.write(b"\x89")
            await asyncio.sleep(0.05)

    carol.answer("/picture", drip)
    with pytest.raises(Unreachable):
        await remote.fetch_picture(carol.url("/picture"), total=0.3)
