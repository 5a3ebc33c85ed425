"""Where a document truly comes from: redirects, foreign ids, pages of collections."""

import pytest
from aiohttp import web

from federation import vocabulary
from federation.remote import ForbiddenAddress, Missing, Remote, RemoteError, Unusable
from tests.clock import Clock
from tests.federation.peers import ACTOR, Peer, signer_of

# Redirects


async def test_a_redirect_is_followed_and_signed_anew(
    remote: Remote, carol: Peer, mallory: Peer, clock: Clock
) -> None:
    uri = mallory.document("/here")
    carol.redirect("/there", uri, status=308)
    assert (await remote.fetch(carol.url("/there"))).url == uri
    assert await signer_of(mallory.seen[0], mallory, clock.now()) == ACTOR


async def test_three_redirects_are_followed_and_no_more(remote: Remote, carol: Peer) -> None:
    carol.document("/0")
    for number in range(1, 5):
        carol.redirect(f"/{number}", f"/{number - 1}")
    assert (await remote.fetch(carol.url("/3"))).url == carol.url("/0")
    carol.seen.clear()
    with pytest.raises(Unusable):
        await remote.fetch(carol.url("/4"))
    assert len(carol.seen) == 4


async def test_a_loop_is_not_walked_twice(remote: Remote, carol: Peer) -> None:
    carol.redirect("/a", "/b")
    carol.redirect("/b", "/a")
    with pytest.raises(Unusable):
        await remote.fetch(carol.url("/a"))
    assert carol.targets == ["/a", "/b"]


@pytest.mark.parametrize("location", ["", "http://[", "//"])
async def test_a_redirect_to_nowhere_is_refused(remote: Remote, carol: Peer, location: str) -> None:
    carol.redirect("/a", location)
    with pytest.raises(RemoteError):
        await remote.fetch(carol.url("/a"))


# Who says so


async def test_a_document_of_another_hosts_id_is_asked_for_there(
    remote: Remote, carol: Peer, mallory: Peer
) -> None:
    uri = carol.document("/users/carol", name="Carol")
    mallory.serve("/carol", {"id": uri, "name": "Mallory"})
    document = await remote.fetch(mallory.url("/carol"))
    assert (document.url, document.data["name"]) == (uri, "Carol")


async def test_an_id_that_its_host_does_not_know_is_refused(
    remote: Remote, carol: Peer, mallory: Peer
) -> None:
    mallory.serve("/carol", {"id": carol.url("/users/carol"), "name": "Mallory"})
    with pytest.raises(Missing):
        await remote.fetch(mallory.url("/carol"))


async def test_an_id_that_its_host_answers_otherwise_is_refused(
    remote: Remote, carol: Peer, mallory: Peer
) -> None:
    carol.serve("/users/carol", {"id": carol.url("/users/somebody")})
    mallory.serve("/carol", {"id": carol.url("/users/carol")})
    with pytest.raises(Unusable):
        await remote.fetch(mallory.url("/carol"))


async def test_two_hosts_that_point_at_each_other_are_asked_once_each(
    remote: Remote, carol: Peer, mallory: Peer
) -> None:
    carol.serve("/a", {"id": mallory.url("/a")})
    mallory.serve("/a", {"id": carol.url("/a")})
    with pytest.raises(Unusable):
        await remote.fetch(carol.url("/a"))
    assert len(carol.seen) == len(mallory.seen) == 1


async def test_a_redirect_back_to_mallory_does_not_make_her_carol(
    remote: Remote, carol: Peer, mallory: Peer
) -> None:
    carol.redirect("/out", mallory.url("/carol"))
    mallory.serve("/carol", {"id": carol.url("/out")})
    with pytest.raises(Unusable):
        await remote.fetch(mallory.url("/carol"))


@pytest.mark.parametrize("uri", [None, 7, ["http://carol.test/"]])
async def test_a_document_without_an_id_is_refused(remote: Remote, carol: Peer, uri: object) -> None:
    carol.serve("/a", {"id": uri})
    with pytest.raises(Unusable):
        await remote.fetch(carol.url("/a"))


@pytest.mark.parametrize("uri", ["", "javascript:alert(1)", "acct:carol@carol.test"])
async def test_an_id_that_is_no_url_is_refused(remote: Remote, carol: Peer, uri: str) -> None:
    carol.serve("/a", {"id": uri})
    with pytest.raises(ForbiddenAddress):
        await remote.fetch(carol.url("/a"))


# Collections


async def read(remote: Remote, url: str, **bounds: int) -> list[object]:
    return [item async for item in remote.collection(url, **bounds)]  # type: ignore[arg-type]


async def test_a_collection_is_read_page_by_page(remote: Remote, carol: Peer) -> None:
    first = {"type": "CollectionPage", "items": ["a"], "next": carol.url("/likes?page=2")}
    carol.document("/likes", first=first)
    carol.serve("/likes", {"id": carol.url("/likes"), "first": first})

    async def page(request: web.Request) -> web.Response:
        data: dict[str, object] = {"id": carol.url(request.path_qs), "first": first}
        if "page" in request.query:
            data = {"id": carol.url(request.path_qs), "orderedItems": [{"id": "b"}, 7, "c"]}
        return web.json_response(data, content_type=vocabulary.ACTIVITY_JSON)

    carol.answer("/likes", page)
    assert await read(remote, carol.url("/likes")) == ["a", {"id": "b"}, "c"]


async def test_a_collection_without_end_ends(remote: Remote, carol: Peer) -> None:
    async def page(request: web.Request) -> web.Response:
        number = int(request.query.get("page", "0"))
        return web.json_response(
            {"id": carol.url(request.path_qs), "items": [f"item{number}"], "next": f"/{number}"}
            | {"next": carol.url(f"/endless?page={number + 1}")},
            content_type=vocabulary.ACTIVITY_JSON,
        )

    carol.answer("/endless", page)
    assert len(await read(remote, carol.url("/endless"), pages=5)) == 6
    assert len(carol.seen) == 6
    assert len(await read(remote, carol.url("/endless"), items=3)) == 3


async def test_embedded_pages_without_end_end(remote: Remote, carol: Peer) -> None:
    page: dict[str, object] = {"items": ["last"]}
    for _ in range(25):
        page = {"items": ["more"], "next": page}
    carol.document("/a", first=page)
    assert len(await read(remote, carol.url("/a"), pages=5)) == 5


async def test_a_page_that_leads_to_itself_is_read_once(remote: Remote, carol: Peer) -> None:
    carol.document("/a", first=carol.url("/page"))
    carol.document("/page", items=["a"], next=carol.url("/page"))
    assert await read(remote, carol.url("/a")) == ["a"]


async def test_a_page_on_another_host_is_not_read(remote: Remote, carol: Peer, mallory: Peer) -> None:
    mallory.document("/page", items=["forged"])
    carol.document("/a", first=mallory.url("/page"))
    with pytest.raises(Unusable):
        await read(remote, carol.url("/a"))
