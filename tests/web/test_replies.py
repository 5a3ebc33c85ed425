"""Replies wait for a moderator and follow their authors' changes; reports arrive, Follows are answered."""

import asyncio
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from fedicause import moderate, work
from fedicause.instance import Instance
from storage import local_actors, reports, testimonies
from storage.models import Campaign
from storage.testimonies import Shown
from tests import dialects, signing
from tests.conftest import Client
from tests.dialects import Document
from tests.fediverse import Fediverse
from tests.people import Person
from tests.web import counting
from tests.web.counting import FOREST, NOTE

pytestmark = pytest.mark.usefixtures("client")


@pytest.fixture
async def bob(fediverse: Fediverse) -> Person:
    return await (await fediverse.server("elsewhere.test")).person("bob")


async def waiting(instance: Instance) -> list[Shown]:
    async with instance.database.reading() as session:
        return await testimonies.waiting(session)


async def shown(instance: Instance, campaign: Campaign) -> list[str]:
    async with instance.database.reading() as session:
        return [each.html for each in await testimonies.allowed(session, campaign.id)]


async def allow_all(instance: Instance) -> None:
    found = await waiting(instance)
    async with instance.database.writing() as session:
        for each in found:
            await moderate.allow(session, each.id)


async def test_a_reply_is_shown_once_it_is_allowed_its_edit_waits_again_and_its_deletion_removes_it(
    instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    for software in dialects.DIALECTS:
        person = await (await fediverse.server(f"{software}.test", software)).person("bob")
        assert (await person.reply(NOTE, "<p>one</p>")).status == 202, software
        assert await shown(instance, campaign) == [], software
        await allow_all(instance)
        assert await shown(instance, campaign) == ["<p>one</p>"], software
        assert (await person.edit("<p>two</p>")).status == 202, software
        assert await shown(instance, campaign) == [], software
        assert [each.html for each in await waiting(instance)] == ["<p>two</p>"], software
        await allow_all(instance)
        assert await shown(instance, campaign) == ["<p>two</p>"], software
        assert (await person.delete()).status == 202, software
        assert await shown(instance, campaign) == [], software


async def test_a_deleted_reply_is_forgotten_for_good(
    bob: Person, instance: Instance, campaign: Campaign
) -> None:
    assert (await bob.reply(NOTE, "<p>one</p>")).status == 202
    await allow_all(instance)
    create = bob.said[-1]
    assert (await bob.delete()).status == 202
    assert await shown(instance, campaign) == []
    assert (await bob.say(create, FOREST)).status == 202
    assert await waiting(instance) == []
    async with instance.database.reading() as session:
        assert await testimonies.campaign_of(session, create["object"]["id"]) == campaign.id


async def test_with_the_account_all_its_replies_are_forgotten(
    bob: Person, instance: Instance, campaign: Campaign
) -> None:
    assert (await bob.reply(NOTE, "<p>one</p>")).status == 202
    await allow_all(instance)
    assert (await bob.reply(NOTE, "<p>two</p>")).status == 202
    assert (await bob.delete_account(near=NOTE)).status == 202
    assert (await waiting(instance), await shown(instance, campaign)) == ([], [])


async def test_a_reply_that_was_deleted_before_it_came_never_comes(
    bob: Person, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    note = dialects.reply(bob.server.dialect, bob.uri, NOTE, 1, content="<p>one</p>", at=instance.now())
    late = bob.signed(dialects.about("Create", note), counting.INBOX)
    fediverse.clock.advance(5)
    assert (await bob.delete(note=note)).status == 202
    assert (await fediverse.send(late)).status == 202
    assert await waiting(instance) == []


async def test_only_public_replies_by_their_authors_to_a_call_are_testimonies(
    bob: Person, instance: Instance, campaign: Campaign
) -> None:
    note = dialects.reply(bob.server.dialect, bob.uri, NOTE, 1, content="<p>one</p>", at=instance.now())
    quiet: dict[str, dict[str, Any]] = {
        "for followers": {"to": [f"{bob.uri}/followers"], "cc": [FOREST]},
        "direct": {"to": [FOREST], "cc": []},
        "a vote": {"name": "Yes", "content": None},
        "a vote from snac": {"name": "Yes", "content": "<br>"},
        "to something else": {"inReplyTo": "https://elsewhere.test/notes/1", "tag": []},
        "to nothing": {"inReplyTo": None, "tag": []},
        "a picture": {"type": "Image"},
        "by somebody else": {"attributedTo": "https://elsewhere.test/users/eve"},
    }
    for number, (name, changed) in enumerate(quiet.items()):
        said = note | {"id": f"{bob.uri}/quiet/{number}"} | changed
        activity = dialects.about("Create", note, object=said, to=said["to"], cc=said["cc"])
        assert (await bob.say(activity, FOREST)).status == 202, name
        assert await waiting(instance) == [], name
    assert (await bob.say(dialects.about("Create", note), FOREST)).status == 202
    assert len(await waiting(instance)) == 1


async def test_an_answer_to_a_reply_is_a_testimony_too(
    bob: Person, instance: Instance, campaign: Campaign
) -> None:
    assert (await bob.reply(NOTE, "<p>one</p>")).status == 202
    answer = dialects.reply(
        bob.server.dialect, bob.uri, bob.said[-1]["object"]["id"], 7, content="two", at=instance.now()
    )
    assert (await bob.say(dialects.about("Create", answer | {"tag": []}), FOREST)).status == 202
    assert sorted(each.html for each in await waiting(instance)) == ["<p>one</p>", "two"]


async def test_a_report_reaches_the_moderators(bob: Person, instance: Instance, campaign: Campaign) -> None:
    assert (await bob.flag(FOREST, NOTE, content="<b>Not</b> a real petition")).status == 202
    # Nothing to us: what is reported is elsewhere.
    assert (await bob.say(bob.said[-1] | {"id": f"{bob.uri}#f", "object": [bob.uri]}, FOREST)).status == 202
    async with instance.database.reading() as session:
        [report] = await reports.waiting(session)
    assert report.host == "elsewhere.test"
    assert report.objects == [FOREST, NOTE]
    assert report.content == "Not a real petition"


async def test_every_follow_is_answered_with_an_accept(
    bob: Person, instance: Instance, campaign: Campaign, fediverse: Fediverse, client: Client
) -> None:
    def accepts() -> list[Document]:
        # The counts of the campaign may come as well.
        return [each for each in bob.server.received if each["type"] == "Accept"]

    stop = asyncio.Event()
    working = asyncio.create_task(work.run(instance, stop=stop))
    try:
        for count in (1, 2):
            assert (await bob.follow(FOREST)).status == 202
            async with asyncio.timeout(5):
                while len(accepts()) < count:  # noqa: ASYNC110 - it arrives at another server
                    await asyncio.sleep(0.01)
    finally:
        stop.set()
        await working
    async with instance.database.reading() as session:
        forest = await local_actors.by_name(session, "forest")
    assert forest is not None
    public = load_pem_public_key(forest.rsa_public.encode())
    for accept, follow in zip(accepts(), bob.said, strict=True):
        asked = {name: value for name, value in follow.items() if name != "@context"}
        assert (accept["actor"], accept["object"]) == (FOREST, asked)
    for each in bob.server.asked:
        if each.document is not None:
            assert signing.holds(each.request, public)  # type: ignore[arg-type]
            assert signing.target(each.request.url) == signing.target(bob.document["inbox"])
