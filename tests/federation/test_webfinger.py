"""How actors are found by handle, address and host, on hosts that may lie."""

import json
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import discovery, vocabulary
from federation.discovery import Handle
from federation.remote import Budget, Exhausted, Missing, Remote, Unusable
from tests.federation.peers import JRD, WEBFINGER, Peer, descriptor, finger

FIXTURES = Path(__file__).parent.parent / "interop" / "fixtures"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("carol@carol.test", "@carol@carol.test"),
        ("@Carol@CAROL.test", "@Carol@carol.test"),
        (" acct:carol@carol.test ", "@carol@carol.test"),
        ("https://carol.test/@carol", "@carol@carol.test"),
        ("https://Carol.test/@carol/", "@carol@carol.test"),
        ("https://home.test/@carol@carol.test", "@carol@carol.test"),
        ("@carol@bücher.test", "@carol@xn--bcher-kva.test"),
        ("\u2068@carol\u2069@carol.test\u200e", "@carol@carol.test"),
        ("a.b-c_d~e@carol.test:8443", "@a.b-c_d~e@carol.test:8443"),
        ("carol@127.0.0.1:8080", "@carol@127.0.0.1:8080"),
        ("carol.test@carol.test", "@carol.test@carol.test"),
    ],
)
def test_a_handle_is_read_as_people_write_it(text: str, shown: str) -> None:
    assert str(discovery.parse_handle(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "carol",
        "@carol",
        "carol.test",
        "carol@",
        "@@carol.test",
        "carol@carol.test/path",
        "carol@carol.test?x",
        "carol@carol.test#x",
        "carol@carol.test.",
        "carol@carol@carol.test",
        "carol@mallory.test\\@carol.test",
        "carol@carol test",
        "carol@0x7f.1",
        "ca rol@carol.test",
        "https://carol.test/users/carol",
        "https://carol.test/@carol/123",
        "https://mallory@carol.test/@carol",
        "javascript://carol.test/@carol",
        "<b>@carol.test",
        "c" * 129 + "@carol.test",
    ],
)
def test_what_is_no_handle_is_malformed(text: str) -> None:
    with pytest.raises(vocabulary.Malformed):
        discovery.parse_handle(text)


@given(st.text(max_size=60) | st.text(alphabet="aZ@.:/ \\%é\u200e[]1", max_size=40))
def test_a_handle_is_malformed_or_reads_the_same_again(text: str) -> None:
    try:
        handle = discovery.parse_handle(text)
    except vocabulary.Malformed:
        return
    assert discovery.parse_handle(str(handle)) == handle
    assert discovery.parse_handle(handle.acct) == handle
    assert vocabulary.host_of(f"https://{handle.host}/") == handle.host


@pytest.mark.parametrize(
    ("resource", "meant"),
    [
        ("acct:forest@ours.test", Handle("forest", "ours.test")),
        ("forest@ours.test", Handle("forest", "ours.test")),
        ("https://ours.test", "https://ours.test"),
        ("https://OURS.test/", "https://ours.test"),
        ("https://ours.test/actors/forest", "https://ours.test/actors/forest"),
        ("https://ours.test/?author=1", "https://ours.test/?author=1"),
    ],
)
def test_all_that_our_webfinger_is_asked_for_is_understood(resource: str, meant: Handle | str) -> None:
    assert discovery.parse_resource(resource) == meant


@pytest.mark.parametrize("resource", ["", "forest", "mailto:forest@ours.test", "https://"])
def test_a_resource_that_is_neither_handle_nor_url_is_malformed(resource: str) -> None:
    with pytest.raises(vocabulary.Malformed):
        discovery.parse_resource(resource)


# Finding actors


@pytest.mark.parametrize("server", ["snac", "takahe", "wordpress", "fedify"])
async def test_the_recorded_webfinger_of_real_servers_is_understood(
    remote: Remote, carol: Peer, server: str
) -> None:
    recorded = json.loads((FIXTURES / server / "discovery.json").read_text())
    said = next(each for each in recorded["documents"] if each["kind"] == "webfinger acct")
    host = urlsplit(said["url"]).netloc
    body = said["body"].replace(host, carol.authority).replace("https:", "http:")
    body = body.replace("https:\\/\\/", "http:\\/\\/")
    carol.serve(WEBFINGER, body.encode(), media_type=said["content_type"])
    user = json.loads(body)["subject"].removeprefix("acct:").split("@")[0]
    found = await discovery.find_actor(remote, f"@{user}@{carol.authority}")
    assert vocabulary.host_of(found) == carol.authority
    assert carol.seen[-1].headers["accept"].startswith(JRD)


async def test_a_handle_leads_to_its_actor(remote: Remote, carol: Peer) -> None:
    actor = carol.url("/users/1")
    finger(carol, {f"acct:carol@{carol.authority}": descriptor(f"acct:Carol@{carol.authority}", actor)})
    assert await discovery.find_actor(remote, f"@carol@{carol.authority}") == actor
    assert await discovery.find_actor(remote, carol.url("/@carol")) == actor


async def test_an_unknown_handle_is_missing(remote: Remote, carol: Peer) -> None:
    finger(carol, {})
    with pytest.raises(Missing):
        await discovery.find_actor(remote, f"nobody@{carol.authority}")


async def test_handles_may_live_on_another_host_than_accounts(
    remote: Remote, carol: Peer, social: Peer
) -> None:
    handle, actor = f"acct:carol@{carol.authority}", social.url("/users/carol")
    carol.redirect(WEBFINGER, social.url(f"{WEBFINGER}?resource={quote(handle)}"))
    finger(social, {handle: descriptor(handle, actor)})
    assert await discovery.find_actor(remote, handle) == actor


async def test_the_longer_handle_leads_to_the_shorter_which_must_agree(
    remote: Remote, carol: Peer, social: Peer
) -> None:
    short, long = f"acct:carol@{carol.authority}", f"acct:carol@{social.authority}"
    actor = social.url("/users/carol")
    finger(social, {long: descriptor(short, actor)})
    finger(carol, {short: descriptor(short, actor)})
    assert await discovery.find_actor(remote, long) == actor
    finger(carol, {short: descriptor(short, social.url("/users/somebody"))})
    with pytest.raises(Unusable):
        await discovery.find_actor(remote, long)


async def test_a_handle_cannot_claim_an_actor_of_another_host(
    remote: Remote, carol: Peer, mallory: Peer
) -> None:
    handle = f"acct:carol@{mallory.authority}"
    finger(mallory, {handle: descriptor(handle, carol.url("/users/carol"))})
    finger(carol, {handle: descriptor(f"acct:carol@{carol.authority}", carol.url("/users/else"))})
    with pytest.raises(Unusable):
        await discovery.find_actor(remote, handle)
    finger(carol, {})
    with pytest.raises(Missing):
        await discovery.find_actor(remote, handle)


@pytest.mark.parametrize(
    "link",
    [
        {"rel": "self", "type": "text/html", "href": "http://carol.test/users/carol"},
        {"rel": "self", "href": "http://carol.test/users/carol"},
        {"rel": "self", "type": "application/activity+json", "href": "javascript:alert(1)"},
        {"rel": "self", "type": "application/activity+json", "href": 7},
        {"rel": "alternate", "type": "application/activity+json", "href": "http://carol.test/users/carol"},
        "self",
    ],
)
async def test_without_a_usable_self_link_there_is_no_actor(
    remote: Remote, carol: Peer, link: object
) -> None:
    carol.serve(WEBFINGER, {"subject": f"acct:carol@{carol.authority}", "links": [link]}, media_type=JRD)
    with pytest.raises(Unusable):
        await discovery.find_actor(remote, f"carol@{carol.authority}")


@pytest.mark.parametrize("links", [None, {}, "x", [[]]])
async def test_odd_links_are_no_links(remote: Remote, carol: Peer, links: object) -> None:
    carol.serve(WEBFINGER, {"subject": "acct:", "links": links}, media_type=JRD)
    with pytest.raises(Unusable):
        await discovery.find_actor(remote, f"carol@{carol.authority}")


async def test_the_url_of_an_actor_leads_to_it(remote: Remote, carol: Peer) -> None:
    carol.serve("/c", {"id": carol.url("/users/carol"), "type": "Person"})
    assert await discovery.find_actor(remote, carol.url("/c")) == carol.url("/users/carol")


async def test_the_url_of_a_note_is_not_an_actor(remote: Remote, carol: Peer) -> None:
    with pytest.raises(Unusable):
        await discovery.find_actor(remote, carol.document("/notes/1"))


async def test_a_profile_page_of_a_server_with_other_handles_is_fetched(remote: Remote, carol: Peer) -> None:
    carol.serve("/@carol", {"id": carol.url("/@carol"), "type": "Person"})
    assert await discovery.find_actor(remote, carol.url("/@carol")) == carol.url("/@carol")


async def test_a_host_leads_to_its_instance_actor(remote: Remote, carol: Peer) -> None:
    carol.serve("/", b"<h1>Welcome</h1>", media_type="text/html")
    actor = carol.url("/actor")
    finger(carol, {f"http://{carol.authority}": descriptor(f"acct:{carol.name}@{carol.authority}", actor)})
    assert await discovery.find_actor(remote, f"http://{carol.authority}/") == actor


async def test_a_page_that_claims_an_actor_of_another_host_is_refused(
    remote: Remote, carol: Peer, mallory: Peer
) -> None:
    finger(mallory, {mallory.url("/page"): descriptor("acct:x@y", carol.url("/users/carol"))})
    with pytest.raises(Missing):
        await discovery.find_actor(remote, mallory.url("/page"))


async def test_discovery_spends_the_budget(remote: Remote, carol: Peer) -> None:
    actor = carol.url("/users/1")
    finger(carol, {f"acct:carol@{carol.authority}": descriptor("acct:other@elsewhere.test", actor)})
    with pytest.raises(Exhausted):
        await discovery.find_actor(remote, f"carol@{carol.authority}", budget=Budget(1))


async def test_neither_a_handle_nor_a_url_is_malformed(remote: Remote) -> None:
    with pytest.raises(vocabulary.Malformed):
        await discovery.find_actor(remote, "carol")


async def test_a_handle_is_shown_only_if_it_leads_back(remote: Remote, carol: Peer, mallory: Peer) -> None:
    uri = carol.url("/users/1")
    finger(carol, {f"acct:carol@{carol.authority}": descriptor("", uri)})
    person = {"id": uri, "type": "Person", "preferredUsername": "carol"}
    assert await discovery.handle_of(remote, person) == Handle("carol", carol.authority)
    claimed = {**person, "webfinger": f"acct:carol@{carol.authority}"}
    assert await discovery.handle_of(remote, claimed) == Handle("carol", carol.authority)
    forged = {"id": mallory.url("/m"), "webfinger": f"carol@{carol.authority}"}
    assert await discovery.handle_of(remote, forged) is None
    assert await discovery.handle_of(remote, {"id": uri}) is None
    assert await discovery.handle_of(remote, {"id": uri, "webfinger": ["x"]}) is None
    assert await discovery.handle_of(remote, {"id": uri, "preferredUsername": "nobody"}) is None
