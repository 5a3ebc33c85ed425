"""How a person finds the ☆ at home, what a host runs, and how others find us."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from xml.etree import ElementTree

import pytest

from federation import discovery
from federation.discovery import Handle
from federation.remote import Missing, Remote, Unreachable
from tests.federation.peers import JRD, WEBFINGER, Peer, descriptor, finger

FIXTURES = Path(__file__).parent.parent / "interop" / "fixtures"
NOTE = "https://ours.test/campaigns/forest?a=1&b=ü#c"
LIKE = "https://w3id.org/fep/3b86/Like"
OBJECT = "https://w3id.org/fep/3b86/Object"
SUBSCRIBE = "http://ostatus.org/schema/1.0/subscribe"


def template(rel: str, text: str, *, name: str = "template") -> dict[str, str]:
    return {"rel": rel, name: text}


async def endorse(remote: Remote, carol: Peer, *links: dict[str, Any]) -> str:
    said = descriptor(f"acct:carol@{carol.authority}", carol.url("/users/carol"), *links)
    carol.serve(WEBFINGER, said, media_type=JRD)
    return await discovery.endorse_url(remote, f"@carol@{carol.authority}", NOTE)


async def test_the_best_of_several_ways_home_is_taken(remote: Remote, carol: Peer) -> None:
    ways = [
        template(SUBSCRIBE, "https://home.test/subscribe?u={uri}"),
        template(OBJECT, "https://home.test/object?u={object}"),
        template(LIKE, "https://home.test/like?u={object}"),
    ]
    said = quote(NOTE, safe="")
    assert await endorse(remote, carol, *ways) == f"https://home.test/like?u={said}"
    assert await endorse(remote, carol, *ways[:2]) == f"https://home.test/object?u={said}"
    assert await endorse(remote, carol, *ways[:1]) == f"https://home.test/subscribe?u={said}"
    assert await endorse(remote, carol) == carol.url(f"/authorize_interaction?uri={said}")


async def test_the_notes_uri_arrives_whole(remote: Remote, carol: Peer) -> None:
    url = await endorse(remote, carol, template(LIKE, "https://home.test/like?id={object}&x=1"))
    assert parse_qs(urlsplit(url).query) == {"id": [NOTE], "x": ["1"]}


async def test_dialects_of_the_intents_are_understood(remote: Remote, carol: Peer) -> None:
    lower = template("https://w3id.org/fep/3b86/like", "https://home.test/{object}")
    assert await endorse(remote, carol, lower) == f"https://home.test/{quote(NOTE, safe='')}"
    older = template(LIKE, "https://home.test/{object}", name="href")
    assert await endorse(remote, carol, older) == f"https://home.test/{quote(NOTE, safe='')}"
    after = template(LIKE, "https://home.test/?o={object}&s={on-success}&c={on-cancel}")
    assert await endorse(remote, carol, after) == f"https://home.test/?o={quote(NOTE, safe='')}&s=&c="


@pytest.mark.parametrize(
    "bad",
    [
        "javascript:alert('{object}')",
        "data:text/html,{object}",
        "//home.test/{object}",
        "/like?uri={object}",
        "{object}",
        "https://{object}/",
        "https://home.test{object}",
        "https://home.test@evil.test/{object}",
        "https://home.test\\@evil.test/{object}",
        "https://home.test/\r\nSet-Cookie: a=b/{object}",
        "https://home.test/like",
        "https://home.test/" + "x" * 2048 + "{object}",
        7,
        None,
    ],
)
async def test_a_template_that_leads_elsewhere_is_passed_over(
    remote: Remote, carol: Peer, bad: object
) -> None:
    url = await endorse(remote, carol, {"rel": LIKE, "template": bad})
    assert url == carol.url(f"/authorize_interaction?uri={quote(NOTE, safe='')}")


async def test_the_page_of_last_resort_is_on_the_host_of_the_account(
    remote: Remote, carol: Peer, social: Peer
) -> None:
    said = descriptor(f"acct:carol@{carol.authority}", social.url("/users/carol"))
    carol.serve(WEBFINGER, said, media_type=JRD)
    url = await discovery.endorse_url(remote, Handle("carol", carol.authority), NOTE)
    assert url.startswith(social.url("/authorize_interaction?uri="))
    carol.serve(WEBFINGER, {"subject": ""}, media_type=JRD)
    url = await discovery.endorse_url(remote, Handle("carol", carol.authority), NOTE)
    assert url.startswith(carol.url("/authorize_interaction?uri="))


async def test_whoever_their_server_does_not_know_is_sent_nowhere(remote: Remote, carol: Peer) -> None:
    with pytest.raises(Missing):
        await discovery.endorse_url(remote, f"carol@{carol.authority}", NOTE)
    await carol.close()
    with pytest.raises(Unreachable):
        await discovery.endorse_url(remote, f"carol@{carol.authority}", NOTE)


# Software


@pytest.mark.parametrize(
    ("server", "name"),
    [("snac", "snac"), ("takahe", "takahe"), ("wordpress", "wordpress"), ("fedify", "fedify-peer")],
)
async def test_the_recorded_nodeinfo_of_real_servers_is_understood(
    remote: Remote, carol: Peer, server: str, name: str
) -> None:
    recorded = json.loads((FIXTURES / server / "discovery.json").read_text())
    for said in recorded["documents"]:
        if said["kind"].startswith("nodeinfo"):
            url = urlsplit(said["url"])
            body = said["body"].replace("\\/", "/").replace(f"https://{url.netloc}", carol.url(""))
            carol.serve(url.path, body.encode(), media_type=said["content_type"])
    assert await discovery.software(remote, carol.authority) == name


@pytest.mark.parametrize("said", ["Mastodon", " mastodon "])
async def test_software_is_told_in_lower_case(remote: Remote, carol: Peer, said: str) -> None:
    carol.serve(
        "/.well-known/nodeinfo", discovery.nodeinfo_links(carol.url(""), application=""), media_type=JRD
    )
    carol.serve("/nodeinfo/2.1", {"software": {"name": said}}, media_type="application/json")
    assert await discovery.software(remote, carol.authority) == "mastodon"


@pytest.mark.parametrize("info", [{}, {"software": "mastodon"}, {"software": {"name": 7}}])
async def test_a_server_that_does_not_name_its_software_is_of_none(
    remote: Remote, carol: Peer, info: dict[str, Any]
) -> None:
    assert await discovery.software(remote, carol.authority) is None
    carol.serve("/.well-known/nodeinfo", {"links": [{"rel": "x"}]}, media_type=JRD)
    assert await discovery.software(remote, carol.authority) is None
    carol.serve(
        "/.well-known/nodeinfo", discovery.nodeinfo_links(carol.url(""), application=""), media_type=JRD
    )
    carol.serve("/nodeinfo/2.1", info, media_type="application/json")
    assert await discovery.software(remote, carol.authority) is None


async def test_a_name_of_software_that_could_be_markup_is_not_believed(remote: Remote, carol: Peer) -> None:
    carol.serve(
        "/.well-known/nodeinfo", discovery.nodeinfo_links(carol.url(""), application=""), media_type=JRD
    )
    carol.serve("/nodeinfo/2.1", {"software": {"name": "<script>"}}, media_type="application/json")
    assert await discovery.software(remote, carol.authority) is None


# Being found


async def test_others_find_our_actors_by_what_we_publish(remote: Remote, carol: Peer) -> None:
    """Here Carol's server serves our documents, and our own client finds them."""
    handle, actor = Handle("forest", carol.authority), carol.url("/actors/forest")
    finger(carol, {handle.acct: discovery.jrd(handle, actor=actor, page=carol.url("/c"))})
    assert await discovery.find_actor(remote, str(handle)) == actor


def test_our_webfinger_names_subject_aliases_and_actor() -> None:
    actor, page = "https://ours.test/actor", "https://ours.test/"
    said = discovery.jrd(Handle("ours.test", "ours.test"), actor=actor, page=page, is_server=True)
    assert said["subject"] == "acct:ours.test@ours.test"
    assert said["aliases"] == [actor, page]
    assert {link["rel"]: link["href"] for link in said["links"]} == {
        "self": actor,
        "http://webfinger.net/rel/profile-page": page,
        "https://www.w3.org/ns/activitystreams#Service": actor,
    }


def test_host_meta_is_xml_that_leads_to_webfinger() -> None:
    root = ElementTree.fromstring(discovery.host_meta("https://ours.test/").encode())  # noqa: S314
    (link,) = root
    assert link.attrib["template"] == "https://ours.test/.well-known/webfinger?resource={uri}"
    assert link.attrib["rel"] == "lrdd"


def test_nodeinfo_leads_to_both_versions_and_the_instance_actor() -> None:
    links = discovery.nodeinfo_links("https://ours.test", application="https://ours.test/actor")["links"]
    assert {link["rel"].rsplit("/", 1)[-1]: link["href"] for link in links} == {
        "2.1": "https://ours.test/nodeinfo/2.1",
        "2.0": "https://ours.test/nodeinfo/2.0",
        "activitystreams#Application": "https://ours.test/actor",
    }


def test_nodeinfo_2_1_tells_where_the_software_is_from_and_2_0_does_not() -> None:
    counts = {"users": 2, "active_month": 1, "active_halfyear": 2, "posts": 5}
    about = {
        "software": "fedicause",
        "software_version": "0.1.0",
        "name": "Forest",
        "homepage": "https://f.test/",
    }
    new = discovery.nodeinfo("2.1", **counts, **about)  # type: ignore[arg-type]
    old = discovery.nodeinfo("2.0", **counts, **about)  # type: ignore[arg-type]
    assert new["software"] == {"name": "fedicause", "version": "0.1.0", "homepage": "https://f.test/"}
    assert old["software"] == {"name": "fedicause", "version": "0.1.0"}
    assert new["usage"] == {
        "users": {"total": 2, "activeMonth": 1, "activeHalfyear": 2},
        "localPosts": 5,
        "localComments": 0,
    }
    assert (new["version"], old["version"]) == ("2.1", "2.0")
    assert discovery.nodeinfo_type("2.0").endswith('schema/2.0#"')
