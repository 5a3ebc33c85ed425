"""How other servers find us: WebFinger, host-meta, NodeInfo, and the server's own actor."""

from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from aiohttp.test_utils import TestClient
from msgspec.structs import replace

from federation import discovery, vocabulary
from fedicause.instance import Instance
from tests.clock import Clock
from tests.conftest import Client, application
from tests.door import Door
from tests.web import writing

OURS = "https://ours.test"
FOREST, ORG, SERVER = f"{OURS}/actors/forest", f"{OURS}/actors/org", f"{OURS}/actor"
ACTIVITY = "application/activity+json"
SERVICE = "https://www.w3.org/ns/activitystreams#Service"
APPLICATION = "https://www.w3.org/ns/activitystreams#Application"
SCHEMA = "http://nodeinfo.diaspora.software/ns/schema/"
NAMED = [
    ("acct:forest@ours.test", "forest@ours.test", FOREST),
    ("acct:FOREST@Ours.TEST", "forest@ours.test", FOREST),
    ("ACCT:forest@ours.test", "forest@ours.test", FOREST),
    ("forest@ours.test", "forest@ours.test", FOREST),
    ("@forest@ours.test", "forest@ours.test", FOREST),
    ("acct:forest@ours.test:443", "forest@ours.test", FOREST),
    (FOREST, "forest@ours.test", FOREST),
    (f"{FOREST}#main-key", "forest@ours.test", FOREST),
    ("HTTPS://Ours.Test/actors/forest", "forest@ours.test", FOREST),
    (f"{OURS}/actors/Forest", "forest@ours.test", FOREST),
    ("acct:org@ours.test", "org@ours.test", ORG),
    (ORG, "org@ours.test", ORG),
    ("acct:ours.test@ours.test", "ours.test@ours.test", SERVER),
    ("acct:OURS.test@ours.TEST", "ours.test@ours.test", SERVER),
    (OURS, "ours.test@ours.test", SERVER),
    (f"{OURS}/", "ours.test@ours.test", SERVER),
    ("https://OURS.test:443/", "ours.test@ours.test", SERVER),
    (SERVER, "ours.test@ours.test", SERVER),
]
STRANGE = [
    ("acct:nobody@ours.test", 404),
    ("acct:forest@elsewhere.test", 404),
    ("acct:ours.test@elsewhere.test", 404),
    ("acct:forest@ours.test:8443", 404),
    ("https://elsewhere.test/actors/forest", 404),
    ("https://elsewhere.test/", 404),
    (f"{OURS}/actors/nobody", 404),
    (f"{OURS}/actors/ours.test", 404),
    (f"{OURS}/actors/%00", 404),
    (f"{OURS}/actors/forest/outbox", 404),
    (f"{OURS}/actors/forest?x", 404),
    (f"{OURS}/about", 404),
    ("mailto:forest@ours.test", 404),
    ("did:example:forest", 404),
    ("", 400),
    ("forest", 400),
    ("acct:forest", 400),
    ("acct:@ours.test", 400),
    ("acct:for est@ours.test", 400),
    ("acct:forest\x00@ours.test", 400),
    ("acct:forest@ours.test/", 400),
    ("https://", 400),
    ("https://user@ours.test/actors/forest", 400),
    ("https://ours.test\\@elsewhere.test/", 400),
    (f"{OURS}/{'x' * 3000}", 400),
]


def finger(resource: str, *rels: str) -> str:
    more = "".join(f"&rel={quote(rel, safe='')}" for rel in rels)
    return f"/.well-known/webfinger?resource={quote(resource, safe='')}{more}"


async def found(client: Client, resource: str, *rels: str) -> dict[str, Any]:
    async with client.get(finger(resource, *rels)) as answer:
        assert answer.status == 200, resource
        assert answer.headers["Content-Type"] == "application/jrd+json"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        document: dict[str, Any] = await answer.json(content_type="application/jrd+json")
    return document


def links(document: dict[str, Any]) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in document["links"]}


@pytest.mark.usefixtures("campaign")
async def test_every_form_of_a_name_leads_to_the_actor_and_its_document_back_to_the_handle(
    client: Client,
) -> None:
    for resource, handle, actor in NAMED:
        document = await found(client, resource)
        assert document["subject"] == f"acct:{handle}", resource
        assert actor in document["aliases"]
        (itself,) = [link for link in document["links"] if link["rel"] == "self"]
        assert itself == {"rel": "self", "type": ACTIVITY, "href": actor}
        assert links(document).get(SERVICE) == (SERVER if actor == SERVER else None)
        async with client.get(actor.removeprefix(OURS), headers={"Accept": ACTIVITY}) as answer:
            said = await answer.json(content_type=ACTIVITY)
        # FEP-2c59: without a `webfinger` of its own, its name at its host.
        assert f"{said['preferredUsername']}@ours.test" == handle
        assert said["id"] == actor


@pytest.mark.usefixtures("campaign")
async def test_whoever_is_not_here_is_not_found_and_nonsense_is_refused_in_plain_words(
    client: Client,
) -> None:
    for resource, status in STRANGE:
        async with client.get(finger(resource)) as answer:
            assert answer.status == status, resource
            assert answer.content_type == "text/plain"
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert (await answer.text()).endswith(".\n")


@pytest.mark.usefixtures("campaign")
async def test_exactly_one_resource_is_answered(client: Client) -> None:
    for query in ("", "?rel=self", "?resource=acct:forest@ours.test&resource=acct:org@ours.test"):
        async with client.get(f"/.well-known/webfinger{query}") as answer:
            assert answer.status == 400
            assert "one resource" in await answer.text()


@pytest.mark.usefixtures("campaign")
async def test_only_the_links_that_were_asked_for_are_given(client: Client) -> None:
    whole = await found(client, "acct:forest@ours.test")
    assert set(links(whole)) == {"self", "http://webfinger.net/rel/profile-page"}
    assert links(await found(client, "acct:forest@ours.test", "self")) == {"self": FOREST}
    assert links(await found(client, "acct:forest@ours.test", "self", "avatar")) == {"self": FOREST}
    assert links(await found(client, "acct:forest@ours.test", "avatar")) == {}
    assert await found(client, "acct:forest@ours.test") == whole


@pytest.mark.usefixtures("campaign")
async def test_a_draft_is_not_found_and_a_deleted_campaign_is_gone(
    client: Client, instance: Instance, clock: Clock
) -> None:
    await writing.campaign(instance, "swamp", public=False)
    await writing.delete(instance, "forest")
    clock.advance(2)
    for name, status in (("swamp", 404), ("forest", 410)):
        for resource in (f"acct:{name}@ours.test", f"{OURS}/actors/{name}"):
            async with client.get(finger(resource)) as answer:
                assert answer.status == status
                assert answer.content_type == "text/plain"


@pytest.mark.usefixtures("dev_client")
async def test_our_own_client_finds_us_as_another_server_would(dev_instance: Instance) -> None:
    remote, urls, host = dev_instance.remote, dev_instance.urls, dev_instance.settings.host
    for named, actor in (
        (f"@forest@{host}", urls.actor("forest")),
        (f"ORG@{host}", urls.actor("org")),
        (urls.actor("forest"), urls.actor("forest")),
        (urls.base, urls.instance_actor),
    ):
        assert await discovery.find_actor(remote, named) == actor
        document = (await remote.fetch(actor)).data
        if actor != urls.instance_actor:
            assert await discovery.handle_of(remote, document) is not None
    assert await discovery.software(remote, host) == "fedicause"


@pytest.mark.usefixtures("instance")
async def test_host_meta_is_xml_that_leads_to_webfinger(client: Client) -> None:
    async with client.get("/.well-known/host-meta", headers={"Accept": "application/xml"}) as answer:
        assert answer.status == 200
        assert answer.content_type == "application/xrd+xml"
        root = ElementTree.fromstring(await answer.text())  # noqa: S314
    (link,) = root
    assert link.get("rel") == "lrdd"
    assert link.get("template") == f"{OURS}/.well-known/webfinger?resource={{uri}}"


async def test_who_hears_of_holes_is_said_where_somebody_said_so(
    client: Client, instance: Instance, clock: Clock
) -> None:
    path = "/.well-known/security.txt"
    async with client.get(path) as answer:
        assert answer.status == 404
    named = application(replace(instance, settings=replace(instance.settings, contact="mailto:a@ours.test")))
    async with TestClient(Door(named)) as other, other.get(path) as answer:
        assert answer.content_type == "text/plain"
        fields = dict(line.split(": ", 1) for line in (await answer.text()).splitlines())
    # RFC 9116: both are needed, and less than a year is asked for.
    assert fields["Contact"] == "mailto:a@ours.test"
    assert fields["Canonical"] == f"{OURS}{path}"
    expires = vocabulary.time_of(fields["Expires"])
    assert expires is not None
    assert 7 < (expires - clock.now()).days < 365


@pytest.mark.usefixtures("campaign")
async def test_nodeinfo_says_what_runs_here_and_leads_to_the_servers_actor(
    client: Client, instance: Instance, clock: Clock
) -> None:
    await writing.campaign(instance, "swamp", public=False)
    await writing.campaign(instance, "lake")
    await writing.news(instance, "lake", "It rained", "A lot.")
    async with client.get("/.well-known/nodeinfo") as answer:
        assert answer.content_type == "application/json"
        index = links(await answer.json())
    assert index == {
        f"{SCHEMA}2.0": f"{OURS}/nodeinfo/2.0",
        f"{SCHEMA}2.1": f"{OURS}/nodeinfo/2.1",
        APPLICATION: SERVER,
    }
    for version in ("2.0", "2.1"):
        info = await nodeinfo(client, version)
        assert info["version"] == version
        assert info["software"]["name"] == "fedicause"
        assert info["protocols"] == ["activitypub"]
        assert info["openRegistrations"] is False
        assert info["metadata"]["nodeName"] == "Friends of the Old Forest"
        assert info["usage"] == {
            "users": {"total": 3, "activeMonth": 3, "activeHalfyear": 3},
            "localPosts": 3,
            "localComments": 0,
        }
    clock.advance(31 * 24 * 3600)
    await writing.news(instance, "lake", "It is dry", "Since a month.")
    users = (await nodeinfo(client, "2.1"))["usage"]["users"]
    # The organisation shared the news of the lake; the forest was silent.
    assert users == {"total": 3, "activeMonth": 2, "activeHalfyear": 3}
    async with client.get("/nodeinfo/1.0") as answer:
        assert answer.status == 404


async def nodeinfo(client: Client, version: str) -> dict[str, Any]:
    async with client.get(f"/nodeinfo/{version}") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == f'application/json; profile="{SCHEMA}{version}#"'
        info: dict[str, Any] = await answer.json()
    return info


@pytest.mark.usefixtures("campaign")
async def test_what_is_looked_up_may_be_kept_by_caches_and_read_by_browsers(client: Client) -> None:
    for path in (
        finger("acct:forest@ours.test"),
        "/.well-known/host-meta",
        "/.well-known/nodeinfo",
        "/nodeinfo/2.0",
        "/nodeinfo/2.1",
    ):
        async with client.get(path) as answer:
            assert answer.headers["Cache-Control"].startswith("public, max-age="), path
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            etag = answer.headers["ETag"]
        async with client.get(path, headers={"If-None-Match": etag}) as answer:
            assert answer.status == 304
        async with client.head(path) as answer:
            assert answer.status == 200
            assert int(answer.headers["Content-Length"]) > 0
