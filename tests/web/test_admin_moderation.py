"""Moderators decide what is shown, who is heard, and which waves count."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from fedicause import app
from fedicause.instance import Instance
from storage import audit, models, reports, testimonies
from storage.models import Campaign
from storage.people_models import Pledge
from tests import databases, forms, letters, ours, signing
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.people import Person
from tests.web import staff
from tests.web.staff import Browser

NOTE = "https://ours.test/campaigns/forest"
DESK = "/admin/moderation"


@pytest.fixture
async def instance(
    initialised_url: str, templates: databases.Templates, tmp_path: Path, clock: Clock, fediverse: Fediverse
) -> AsyncIterator[Instance]:
    """The usual instance, where more than three new accounts of a host are a wave."""
    usual = ours.settings_for(initialised_url, tmp_path, secret=templates.secret)
    async with app.open_instance(replace(usual, wave=3), now=clock.now, **fediverse.doors) as opened:
        yield opened


async def replied(
    fediverse: Fediverse, *names: str, words: str = "<p>I walk there.</p>"
) -> dict[str, Person]:
    server = await fediverse.server("carol.test")
    people = {name: await server.person(name) for name in names}
    for person in people.values():
        assert (await person.reply(NOTE, words)).status == 202
    return people


async def states(instance: Instance) -> list[str]:
    async with instance.database.reading() as session:
        return list(await session.scalars(select(models.Testimony.state).order_by(models.Testimony.id)))


async def deeds(instance: Instance) -> list[str]:
    """What was done since somebody logged in, the first first."""
    async with instance.database.reading() as session:
        page = await audit.page(session, limit=50)
    return [each.deed for each in page.entries if each.deed != "login"][::-1]


def ticked(page: str, name: str = "id") -> list[str]:
    return re.findall(rf'<input type="checkbox" name="{name}" value="([^"]+)"', page)


async def test_several_replies_are_shown_or_hidden_at_once(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse, clock: Clock
) -> None:
    await replied(fediverse, "carol", "dave", "erin")
    bob = await staff.come_in(client, instance, "moderator")
    page = (await bob.get(DESK)).text
    ids = ticked(page)
    assert len(ids) == 3
    assert "@erin@carol.test" in page
    answer = await bob.post(f"{DESK}/replies/allow", {"id": ids[:2], "state": "pending"})
    assert answer.place == f"{DESK}?done=allow"
    assert await states(instance) == ["pending", "allowed", "allowed"]
    clock.advance(2)
    shown = (await forms.get(client, "/campaigns/forest")).text
    assert "@erin@carol.test" in shown
    assert "@carol@carol.test" not in shown
    # The button beside one is about that one, whatever is ticked.
    await bob.get(f"{DESK}?state=allowed")
    await bob.post(f"{DESK}/replies/hide", {"id": ids[:2], "only": ids[0], "state": "allowed"})
    assert await states(instance) == ["pending", "allowed", "hidden"]
    assert (await bob.post(f"{DESK}/replies/hide", {"state": "king"})).place == f"{DESK}?done=none"
    assert (await bob.post(f"{DESK}/replies/hide", {"id": "4711"})).status == 404
    assert (await bob.get(f"{DESK}?state=deleted")).status == 404
    assert await deeds(instance) == ["replies.allow", "replies.hide"]


@pytest.mark.parametrize(
    "evil",
    [
        "<p>x<script>alert(1)</script></p>",
        '<img src="https://evil.test/track.png">',
        '<p onclick="alert(1)">x</p>',
        '<a href="javascript:alert(1)">x</a>',
        "{{ 7777*7777 }}",
    ],
)
async def test_what_strangers_write_is_harmless_on_the_desk(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse, evil: str
) -> None:
    server = await fediverse.server("carol.test")
    carol = await server.person("carol")
    server.documents[signing.target(carol.uri)] = carol.document | {"name": evil}
    assert (await carol.reply(NOTE, evil)).status == 202
    assert (await carol.flag("https://ours.test/actors/forest", NOTE, content=evil)).status == 202
    bob = await staff.come_in(client, instance, "moderator")
    for path in (DESK, f"{DESK}/reports"):
        page = (await bob.get(path)).text
        assert "carol.test" in page
        for danger in ("<script>alert", "<img", " onclick=", 'href="javascript', "60481729"):
            assert danger not in page, path


async def test_reasons_are_opened_for_moderators_alone(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await forms.sign(client, reason="Because of <b>owls</b>", shown="initials")
    bob = await staff.come_in(client, instance, "moderator")
    assert "owls" not in (await bob.get(f"{DESK}/reasons")).text
    (letter,) = await letters.waiting(instance)
    await forms.post(client, letter.links["confirm"], {})
    page = (await bob.get(f"{DESK}/reasons")).text
    assert "Because of &lt;b&gt;owls&lt;/b&gt;" in page
    assert "Bob Miller" in page
    assert "shown with the initials" in page
    assert "bob@mail.example" not in page
    (key,) = ticked(page)
    assert (await bob.post(f"{DESK}/reasons/allow", {"id": key})).status == 303
    async with instance.database.reading() as session:
        assert await session.scalar(select(Pledge.reason_state)) == "allowed"
    assert "owls" in (await bob.get(f"{DESK}/reasons?state=allowed")).text
    reader = await staff.come_in(client, instance, "reader")
    assert (await reader.get(f"{DESK}/reasons")).status == 403
    assert "/reasons" not in (await reader.get(DESK)).text


async def test_a_report_shows_what_it_is_about(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    await replied(fediverse, "carol", words="<p>Buy my pills</p>")
    async with instance.database.reading() as session:
        note = await session.scalar(select(models.Testimony.note_uri))
    assert note
    async with instance.database.writing() as session:
        actor_id = await session.scalar(select(models.Testimony.actor_id))
        assert actor_id
        await reports.add(
            session, actor_id=actor_id, objects=[note, NOTE], content="<p>Spam</p>", now=instance.now()
        )
    bob = await staff.come_in(client, instance, "moderator")
    page = (await bob.get(f"{DESK}/reports")).text
    assert "Buy my pills" in page
    assert "Spam" in page
    assert "Hide this reply" in page
    (key,) = ticked(page)
    assert (await bob.post(f"{DESK}/reports/handled", {"id": key})).status == 303
    assert "Spam" not in (await bob.get(f"{DESK}/reports")).text
    assert "Spam" in (await bob.get(f"{DESK}/reports?state=handled")).text
    assert (await bob.post(f"{DESK}/reports/handled", {"id": key})).status == 404


async def wave(fediverse: Fediverse, host: str, number: int) -> None:
    server = await fediverse.server(host)
    for name in range(number):
        person = await server.person(f"p{name}", algorithm="ed25519")
        assert (await person.like(NOTE)).status == 202


async def endorsements(client: Client, clock: Clock) -> object:
    clock.advance(2)
    async with client.get("/api/campaigns/forest/support") as answer:
        return (await answer.json())["endorsements"]


async def test_a_wave_counts_or_goes_host_by_host(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse, clock: Clock
) -> None:
    await wave(fediverse, "bots.test", 5)
    await wave(fediverse, "fans.test", 5)
    bob = await staff.come_in(client, instance, "moderator")
    assert await endorsements(client, clock) == 6
    assert set(ticked((await bob.get(f"{DESK}/held")).text, "host")) == {"bots.test", "fans.test"}
    await bob.post(f"{DESK}/held/release", {"host": "fans.test"})
    assert await endorsements(client, clock) == 8
    asked = await bob.post(f"{DESK}/held/purge", {"host": "bots.test"})
    assert asked.status == 200
    assert "Take away all from there?" in asked.text
    assert await endorsements(client, clock) == 8
    assert (await bob.post(f"{DESK}/held/purge", {"host": "bots.test", "sure": "yes"})).status == 303
    assert await endorsements(client, clock) == 5
    assert (await bob.post(f"{DESK}/held/purge", {"host": "nowhere.test", "sure": "yes"})).status == 404
    assert await deeds(instance) == ["held.release", "held.purge"]


async def test_readers_look_and_change_nothing(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    await replied(fediverse, "carol")
    bob = await staff.come_in(client, instance, "reader")
    for path in (DESK, f"{DESK}/reports", f"{DESK}/held", f"{DESK}/blocks"):
        answer = await bob.get(path)
        assert answer.status == 200
        assert 'type="checkbox"' not in answer.text
    for path in (
        "replies/allow",
        "reasons/hide",
        "reports/handled",
        "held/release",
        "held/purge",
        "blocks",
        "blocks/remove",
        "blocks/preview",
        "blocks/import",
    ):
        assert (await bob.post(f"{DESK}/{path}", {"id": "1", "who": "x.example"})).status == 403
    assert await states(instance) == ["pending"]
    for path in (DESK, f"{DESK}/reasons", f"{DESK}/blocks"):
        assert (await Browser(client).get(path)).status == 303


async def test_replies_come_a_page_at_a_time(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    await replied(fediverse, "carol")
    async with instance.database.writing() as session:
        actor_id = await session.scalar(select(models.Testimony.actor_id)) or 0
        for number in range(60):
            await testimonies.put(
                session,
                campaign_id=campaign.id,
                actor_id=actor_id,
                note_uri=f"https://carol.test/notes/{number}",
                in_reply_to=NOTE,
                url=None,
                html=f"<p>reply {number:03}</p>",
                published_at=instance.now(),
                signed_at=instance.now(),
                now=instance.now(),
            )
    bob = await staff.come_in(client, instance, "moderator")
    pages, link = [], DESK
    while link:
        text = (await bob.get(link)).text
        pages.append(len(ticked(text)))
        older = re.search(r'rel="next" href="([^"]+)"', text)
        link = older[1].replace("&amp;", "&") if older else ""
    assert pages == [25, 25, 11]
    newer = re.search(r'rel="prev" href="([^"]+)"', text)
    assert newer
    assert len(ticked((await bob.get(newer[1])).text)) == 25
