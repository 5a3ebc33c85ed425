"""A campaign in the browser after it is written: announced, translated, won, gone."""

from datetime import timedelta

import pytest

from fedicause import rounds
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.letters import mailing
from storage import elsewhere
from tests import letters
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.web import counting, staff, supporters
from tests.web.campaigning import FOREST, RIVER, deeds, hidden, kept, said

PATH = "/admin/campaigns/forest"


async def test_a_draft_is_published_when_its_time_has_come(
    client: Client, instance: Instance, clock: Clock
) -> None:
    alice = await staff.come_in(client, instance)
    await alice.post("/admin/campaigns/new", RIVER)
    path = "/admin/campaigns/a-clean-river"
    at = clock.now() + timedelta(days=1)
    # Her clock is two hours before UTC.
    when = f"{at + timedelta(hours=2):%Y-%m-%dT%H:%M}"
    assert (await alice.post(f"{path}/schedule", {"when": when, "offset": "120"})).status == 303
    campaign, _ = await kept(instance)
    assert campaign.publish_at == at.replace(second=0, microsecond=0)
    assert "Scheduled" in (await alice.get("/admin/campaigns")).text
    await rounds.keep_dates(instance)
    assert (await client.get("/campaigns/a-clean-river")).status == 404
    clock.advance(86_400)
    await rounds.keep_dates(instance)
    assert (await client.get("/campaigns/a-clean-river")).status == 200
    assert await said(instance) == ["Create", "Announce"]
    campaign, _ = await kept(instance)
    assert campaign.publish_at is None


async def test_a_time_that_cannot_be_is_said(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    await alice.post("/admin/campaigns/new", RIVER)
    for when, offset, word in (
        ("2020-01-01T10:00", "0", "still to come"),
        ("2099-01-01T10:00", "0", "still to come"),
        ("2027-05-01T10:00", "0", "after its last day"),
        ("tomorrow", "0", "still to come"),
        ("2027-01-01T10:00", "9999", "still to come"),
        ("2027-01-01T10:00+02:00", "x", "still to come"),
        ("0001-01-01T00:00", "840", "still to come"),
    ):
        answer = await alice.post("/admin/campaigns/a-clean-river/schedule", {"when": when, "offset": offset})
        assert (answer.status, word in answer.text) == (422, True), when
    assert (await kept(instance))[0].publish_at is None


async def test_a_scheduled_draft_can_stay_one_and_one_that_has_ended_does(
    client: Client, instance: Instance, clock: Clock
) -> None:
    alice = await staff.come_in(client, instance)
    await alice.post("/admin/campaigns/new", RIVER)
    path = "/admin/campaigns/a-clean-river"
    when = f"{clock.now() + timedelta(days=1):%Y-%m-%dT%H:%M}"
    await alice.post(f"{path}/schedule", {"when": when})
    await alice.post(f"{path}/unschedule")
    assert (await kept(instance))[0].publish_at is None
    await alice.post(f"{path}/schedule", {"when": when})
    clock.advance(86_400 * 200)
    await rounds.keep_dates(instance)
    campaign, _ = await kept(instance)
    assert (campaign.state, campaign.publish_at) == ("draft", None)
    # Logged out long ago, she comes back and is told why it can't be published.
    bob = await staff.come_in(client, instance, "campaigner")
    look = await bob.get(f"{path}/state")
    assert "Its last day is over" in look.text
    assert (await bob.post(f"{path}/publish", hidden(look))).status in {409}


async def test_what_changed_since_the_last_look_is_looked_at_again(
    client: Client, instance: Instance
) -> None:
    alice = await staff.come_in(client, instance)
    await alice.post("/admin/campaigns/new", RIVER)
    path = "/admin/campaigns/a-clean-river"
    look = hidden(await alice.get(f"{path}/state"))
    assert set(look) == {"seen"}
    form = await alice.get(path)
    await alice.post(path, RIVER | {"title": "Another title"} | hidden(form))
    answer = await alice.post(f"{path}/publish", look)
    assert answer.status == 409
    assert "Another title" in answer.text
    assert await said(instance) == []


@pytest.mark.usefixtures("campaign")
async def test_a_campaign_is_won_and_everybody_hears_of_it(
    client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    alice = await staff.come_in(client, instance)
    before = await said(instance)
    answer = await alice.post(f"{PATH}/victory", {"outcome": "", "title": "x" * 201, "text": "We did."})
    assert answer.status == 422
    assert "We did." in answer.text
    outcome = "The council <b>keeps</b> the forest."
    await alice.post(f"{PATH}/victory", {"outcome": outcome, "title": "We won", "text": ""})
    assert (await said(instance))[len(before) :] == ["Update", "Update", "Create", "Announce"]
    page = await (await client.get("/campaigns/forest")).text()
    assert "The council &lt;b&gt;keeps&lt;/b&gt; the forest." in page
    assert "Won" in page
    assert "We won" in page
    assert "Won" in (await alice.get("/admin/campaigns?state=won")).text
    # Its words are corrected without telling everybody again.
    heard = await said(instance)
    await alice.post(f"{PATH}/victory", {"outcome": "It stays."})
    assert await said(instance) == heard
    assert (await kept(instance, "forest"))[0].outcome == "It stays."

    await alice.post(f"{PATH}/reopen")
    campaign, _ = await kept(instance, "forest")
    assert (campaign.state, campaign.outcome, campaign.closed_at) == ("published", None, None)
    bob = await (await fediverse.server("elsewhere.test")).person("bob")
    await fediverse.send(bob.signed(counting.like(bob.uri), counting.INBOX))
    assert await counting.endorsements(client, fediverse) == 1


@pytest.mark.usefixtures("campaign")
async def test_closing_and_deleting(client: Client, instance: Instance, clock: Clock) -> None:
    alice = await staff.come_in(client, instance)
    await alice.post(f"{PATH}/close")
    assert (await kept(instance, "forest"))[0].state == "closed"
    assert (await alice.post(f"{PATH}/close")).status == 409
    answer = await alice.post(f"{PATH}/delete", {"confirm": "forrest"})
    assert answer.status == 422
    assert (await client.get("/campaigns/forest")).status == 200
    answer = await alice.post(f"{PATH}/delete", {"confirm": "forest"})
    clock.advance(10)
    assert answer.place == "/admin/campaigns?done=deleted"
    assert (await client.get("/campaigns/forest")).status == 410
    assert (await said(instance))[-2:] == ["Delete", "Delete"]
    for path in ("", "/state", "/news", "/translations", "/counts"):
        assert (await alice.get(f"{PATH}{path}")).status == 404
    assert "forest" in (await alice.get("/admin/campaigns?state=deleted")).text
    assert await deeds(instance) == [("campaign.close", "forest"), ("campaign.delete", "forest")]


@pytest.mark.usefixtures("campaign")
async def test_a_translation_is_marked_when_the_original_changes(
    client: Client, instance: Instance, clock: Clock
) -> None:
    alice = await staff.come_in(client, instance)
    german = {"title": "Rettet den Wald", "text": "Er ist **alt**."}
    form = await alice.get(f"{PATH}/translations/de")
    assert "It is to be felled in spring." in form.text
    await alice.post(f"{PATH}/translations/de", german | hidden(form))
    page = await (await client.get("/campaigns/forest?lang=de")).text()
    assert "Er ist <strong>alt</strong>." in page
    assert "out of date" not in (await alice.get(f"{PATH}/translations")).text

    # A new goal leaves the words as they are; new words don't.
    for change, is_outdated in (({"goal": "5000"}, False), ({"text": "It is very old."}, True)):
        clock.advance(60)
        await alice.post(PATH, FOREST | change | hidden(await alice.get(PATH)))
        assert ("out of date" in (await alice.get(f"{PATH}/translations")).text) is is_outdated
    form = await alice.get(f"{PATH}/translations/de")
    assert "The original has changed since" in form.text
    clock.advance(60)
    await alice.post(f"{PATH}/translations/de", german | hidden(form))
    assert "out of date" not in (await alice.get(f"{PATH}/translations")).text

    # Somebody who began before that is told, and sees both.
    answer = await alice.post(f"{PATH}/translations/de", {"title": "Anders", "text": "Neu."} | hidden(form))
    assert answer.status == 409
    assert "Rettet den Wald" in answer.text
    assert 'value="Anders"' in answer.text
    await alice.post(f"{PATH}/translations/de/remove")
    assert list((await kept(instance, "forest"))[1]) == ["en"]


@pytest.mark.usefixtures("campaign")
async def test_there_is_no_translation_into_that(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    for language in ("en", "xx", "DE", "de-de", "..%2f"):
        assert (await alice.get(f"{PATH}/translations/{language}")).status == 404, language
        form = {"title": "x", "text": "x"}
        assert (await alice.post(f"{PATH}/translations/{language}", form)).status == 404, language


@pytest.mark.usefixtures("campaign")
async def test_news_are_looked_at_and_posted(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    before = await said(instance)
    await alice.get(f"{PATH}/news")
    news = {"title": "The vote is <i>soon</i>", "text": "Come **all**."}
    answer = await alice.post(f"{PATH}/news/preview", news)
    assert "Come <strong>all</strong>." in answer.text
    assert await said(instance) == before
    assert (await alice.post(f"{PATH}/news", news | {"text": ""})).status == 422
    await alice.post(f"{PATH}/news", news)
    assert (await said(instance))[len(before) :] == ["Create", "Announce"]
    page = await (await client.get("/campaigns/forest/updates/1")).text()
    assert "The vote is &lt;i&gt;soon&lt;/i&gt;" in page
    assert "Come <strong>all</strong>." in page
    assert await deeds(instance) == [("campaign.news", "forest: 1")]


@pytest.mark.usefixtures("campaign")
async def test_counts_on_paper_have_a_date_and_a_source(
    client: Client, instance: Instance, clock: Clock
) -> None:
    alice = await staff.come_in(client, instance)
    paper = {"source": "Lists on paper", "count": "1 200", "country": "DE", "day": "2026-11-20"}
    for field, value in (("source", ""), ("count", "-1"), ("country", "XX"), ("day", "2030-01-01")):
        answer = await alice.post(f"{PATH}/counts", paper | {field: value})
        assert (answer.status, f'id="problem-{field}"' in answer.text) == (422, True), field
    await alice.post(f"{PATH}/counts", paper)
    await alice.post(f"{PATH}/counts", paper | {"count": "1300", "day": "2026-11-21"})
    answer = await alice.get(f"{PATH}/counts")
    assert "replaced by a newer one" in answer.text
    async with client.get("/api/campaigns/forest/support") as response:
        assert [each["count"] for each in (await response.json())["elsewhere"]] == [1300]
    campaign, _ = await kept(instance, "forest")
    async with instance.database.reading() as session:
        newest, _ = await elsewhere.every(session, campaign.id)
    await alice.post("/admin/campaigns/new", RIVER)
    assert (await alice.post(f"/admin/campaigns/a-clean-river/counts/{newest.id}/remove")).status == 409
    assert (await alice.post(f"{PATH}/counts/{newest.id}/remove")).status == 303
    clock.advance(10)
    async with client.get("/api/campaigns/forest/support") as response:
        assert [each["count"] for each in (await response.json())["elsewhere"]] == [1200]


@pytest.mark.usefixtures("campaign")
async def test_news_go_by_mail_to_those_who_agreed(client: Client, instance: Instance) -> None:
    await supporters.signs(client, instance, "forest", "bob@mail.example", **{"consent-own": "yes"})
    await supporters.signs(client, instance, "forest", "carol@mail.example")
    alice = await staff.come_in(client, instance)
    assert "those who signed here and agreed to it: 1" in (await alice.get(f"{PATH}/news")).text
    await alice.post(f"{PATH}/news", {"title": "Hear", "text": "This."})
    await alice.post(f"{PATH}/victory", {"title": "Won", "text": "", "outcome": "It stays.", "mail": "yes"})
    async with instance.database.writing() as session:
        assert await mailing.step(session, Here.at(instance))
    sent = [(each.to, "It stays." in each.text) for each in await letters.waiting(instance)]
    assert [each for each in sent if each[1]] == [("bob@mail.example", True)]
