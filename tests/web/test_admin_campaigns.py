"""A campaigner writes campaigns in the browser: nothing is lost, and nobody is overwritten."""

import asyncio
import html
from pathlib import Path

import pytest

from fedicause import fields, publish
from fedicause.campaigning import manuscript, pictures
from fedicause.fields import Unusable
from fedicause.instance import Instance
from tests.clock import Clock
from tests.conftest import Client
from tests.web import staff
from tests.web.campaigning import FOREST, RIVER, deeds, hidden, kept, photo, said, send


async def test_a_draft_is_written_and_published(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance, "campaigner")
    await alice.get("/admin/campaigns/new")
    answer = await send(alice, "/admin/campaigns/new", RIVER | {"picture_alt": "A brown river"}, photo())
    assert (answer.status, answer.place) == (303, "/admin/campaigns/a-clean-river?done=created")
    campaign, texts = await kept(instance)
    assert (campaign.state, campaign.goal, campaign.picture_alt) == ("draft", 1000, "A brown river")
    assert campaign.asks == '{"postcode": true, "phone": false}'
    assert texts["en"].html == ("<p>The river <strong>stinks</strong>. We ask the council to clean it.</p>\n")
    assert (await client.get("/campaigns/a-clean-river")).status == 404

    look = await alice.get("/admin/campaigns/a-clean-river/state")
    assert "#Water" in look.text
    await alice.post("/admin/campaigns/a-clean-river/publish", hidden(look))
    assert await said(instance) == ["Create", "Announce"]
    page = await (await client.get("/campaigns/a-clean-river")).text()
    assert "A brown river" in page
    assert "We keep the names until the council has them." in page
    assert [deed for deed, _ in await deeds(instance)] == ["campaign.create", "campaign.publish"]
    listed = (await alice.get("/admin/campaigns")).text
    assert "A clean river" in listed
    assert "Running" in listed


async def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(
    client: Client, instance: Instance
) -> None:
    alice = await staff.come_in(client, instance)
    wrong = RIVER | {
        "title": "A <b>clean</b> river",
        "slug": "Forest!",
        "goal": "many",
        "ends": "2020-01-01",
        "text": "![oak](https://oak.test/x.jpg) and all that I wrote",
        "thresholds": "eci",
    }
    await alice.get("/admin/campaigns/new")
    answer = await send(alice, "/admin/campaigns/new", wrong, photo())
    assert answer.status == 422
    for field in ("slug", "goal", "ends", "text", "registered", "picture_alt"):
        assert f'id="problem-{field}"' in answer.text, field
    written = html.unescape(answer.text)
    for value in wrong.values():
        assert value in written
    assert "<b>clean</b>" not in answer.text
    # The picture waits where only the staff see it, and is saved with what is sent next.
    waiting = hidden(answer)["picture_kept"]
    assert (await client.get(f"/media/{waiting}")).status == 404
    assert (await alice.get(f"/admin/campaigns/new/pictures/{waiting}")).status == 200
    right = RIVER | {"picture_alt": "A river", "picture_kept": waiting}
    assert (await alice.post("/admin/campaigns/new", right)).status == 303
    campaign, _ = await kept(instance)
    assert (campaign.picture, campaign.picture_width) == (waiting, 300)
    assert (await client.get(f"/media/{waiting}")).status == 200
    assert (await alice.get(f"/admin/campaigns/new/pictures/{waiting}")).status == 404


async def test_a_picture_that_waits_is_one_of_ours(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    for number, name in enumerate(("../secret", f"{0:024}.svg", "..%2f..%2fsecret", f"{0:024}.jpg")):
        assert (await alice.get(f"/admin/campaigns/new/pictures/{name}")).status == 404
        form = RIVER | {"picture_kept": name, "title": f"River {number}"}
        assert (await alice.post("/admin/campaigns/new", form)).status == (422 if number == 3 else 303)


@pytest.mark.usefixtures("campaign")
async def test_a_name_that_is_taken_is_said_and_what_is_no_picture_too(
    client: Client, instance: Instance
) -> None:
    alice = await staff.come_in(client, instance)
    answer = await alice.post("/admin/campaigns/new", RIVER | {"slug": "forest"})
    assert answer.status == 422
    assert "is taken, or was once" in answer.text
    answer = await send(alice, "/admin/campaigns/new", RIVER, b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert answer.status == 422
    assert "no picture that can be shown" in answer.text
    assert not list(instance.settings.media.glob("*.*"))


@pytest.mark.usefixtures("campaign")
async def test_an_edit_is_told_and_empties_what_is_empty(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    before = await said(instance)
    form = await alice.get("/admin/campaigns/forest")
    sent = FOREST | {"ends": "2027-01-31", "asks-city": "may"}
    answer = await send(
        alice, "/admin/campaigns/forest", sent | hidden(form) | {"picture_alt": "Oak"}, photo()
    )
    assert answer.place == "/admin/campaigns/forest?done=told"
    assert (await said(instance))[len(before) :] == ["Update", "Update"]
    campaign, _ = await kept(instance, "forest")
    assert (f"{campaign.ends_at:%Y-%m-%d %H:%M}", campaign.asks) == ("2027-01-31 23:59", '{"city": false}')
    first = campaign.picture
    assert first

    form = await alice.get("/admin/campaigns/forest")
    sent = FOREST | {"goal": "", "picture_removed": "yes", "picture_alt": "Oak"}
    await alice.post("/admin/campaigns/forest", sent | hidden(form))
    campaign, _ = await kept(instance, "forest")
    assert (campaign.goal, campaign.ends_at, campaign.asks, campaign.picture) == (None, None, None, None)
    assert not (instance.settings.media / first).exists()
    assert campaign.kind == "petition"


@pytest.mark.usefixtures("campaign")
async def test_who_comes_second_sees_both_and_overwrites_nobody(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    bob = await staff.come_in(client, instance, "campaigner")
    hers, his = await alice.get("/admin/campaigns/forest"), await bob.get("/admin/campaigns/forest")
    await alice.post(
        "/admin/campaigns/forest",
        FOREST | {"title": "Keep the forest", "goal": "2000"} | hidden(hers),
    )
    mine = FOREST | {"title": "Save it!", "topic": "Trees"}
    answer = await bob.post("/admin/campaigns/forest", mine | hidden(his))
    assert answer.status == 409
    assert 'value="Save it!"' in answer.text
    assert "<blockquote>Keep the forest</blockquote>" in answer.text
    # What only she changed he takes over, and what only he changed stays his.
    assert 'name="goal" value="2000"' in answer.text
    assert 'name="topic" value="Trees"' in answer.text
    campaign, texts = await kept(instance, "forest")
    assert (texts["en"].title, campaign.topic) == ("Keep the forest", "Environment")

    again = mine | {"goal": "2000"} | hidden(answer)
    assert (await bob.post("/admin/campaigns/forest", again)).status == 303
    campaign, texts = await kept(instance, "forest")
    assert (texts["en"].title, campaign.topic, campaign.goal) == ("Save it!", "Trees", 2000)
    assert [deed for deed, _ in await deeds(instance)] == ["campaign.edit", "campaign.edit"]


@pytest.mark.usefixtures("campaign")
async def test_of_two_who_save_in_one_moment_one_is_told(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    bob = await staff.come_in(client, instance, "campaigner")
    seen = hidden(await alice.get("/admin/campaigns/forest"))
    answers = await asyncio.gather(
        *(
            who.post("/admin/campaigns/forest", FOREST | {"title": title} | seen)
            for who, title in ((alice, "Hers"), (bob, "His"))
        )
    )
    assert sorted(answer.status for answer in answers) == [303, 409]


@pytest.mark.usefixtures("campaign")
async def test_a_preview_is_the_page_where_nothing_runs_and_nothing_is_saved(
    client: Client, instance: Instance
) -> None:
    alice = await staff.come_in(client, instance)
    before = await said(instance), await deeds(instance)
    for path in ("new", "forest"):
        await alice.get(f"/admin/campaigns/{path}")
        sent = RIVER | {"text": "So **it** looks<script>alert(1)</script>", "title": "<i>x</i>"}
        answer = await send(alice, f"/admin/campaigns/{path}/preview", sent, photo())
        assert answer.status == 200
        assert "sandbox allow-same-origin" in answer.headers["Content-Security-Policy"]
        assert "So <strong>it</strong> looks" in answer.text
        assert "alert(1)" not in answer.text
        assert "<i>x</i>" not in answer.text
        assert "We keep the names until the council has them." in answer.text
        assert "/admin/campaigns/new/pictures/" in answer.text
        # Half a form is looked at, too.
        assert (await alice.post(f"/admin/campaigns/{path}/preview", {"title": "Half"})).status == 200
    assert (await said(instance), await deeds(instance)) == before
    assert (await kept(instance, "forest"))[1]["en"].title == "Save the old forest"


@pytest.mark.usefixtures("campaign")
async def test_others_look_and_change_nothing(client: Client, instance: Instance) -> None:
    bob = await staff.come_in(client, instance, "moderator")
    for path in ("", "/translations", "/translations/de", "/news", "/counts", "/state"):
        answer = await bob.get(f"/admin/campaigns/forest{path}")
        assert answer.status == 200, path
        assert 'method="post"' not in answer.text.partition("<main")[2] or "disabled" in answer.text, path
    assert (await bob.get("/admin/campaigns/new")).status == 403
    for path in ("", "/close", "/publish", "/delete", "/victory", "/news", "/counts", "/translations/de"):
        form = FOREST | {"confirm": "forest"}
        assert (await bob.post(f"/admin/campaigns/forest{path}", form)).status == 403, path
    campaign, texts = await kept(instance, "forest")
    assert (campaign.state, list(texts)) == ("published", ["en"])


@pytest.mark.usefixtures("campaign")
async def test_campaigns_are_found_by_state_and_words(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    await alice.post("/admin/campaigns/new", RIVER | {"title": "<script>alert(1)</script> river"})
    for query, forest, river in (
        ("", True, True),
        ("?state=draft", False, True),
        ("?state=running", True, False),
        ("?q=ENVIRON", True, False),
        ("?q=river", False, True),
        ("?q=%22%3E%3Cscript%3E", False, False),
    ):
        answer = await alice.get(f"/admin/campaigns{query}")
        found = ("Save the old forest" in answer.text, "&lt;script&gt;alert(1)" in answer.text)
        assert found == (forest, river), query
        assert "<script>alert" not in answer.text


async def test_pictures_that_nobody_saved_are_forgotten(
    client: Client, instance: Instance, clock: Clock
) -> None:
    alice = await staff.come_in(client, instance)
    aside = instance.settings.data / "waiting"
    await alice.get("/admin/campaigns/new")
    await send(alice, "/admin/campaigns/new", {"title": "x"}, photo())
    (first,) = aside.iterdir()
    pictures.sweep(aside, before=first.stat().st_mtime - 1)
    assert first.exists()
    pictures.sweep(aside, before=first.stat().st_mtime + 1)
    assert not first.exists()


async def test_what_only_some_kinds_have_is_written_with_the_draft(
    client: Client, instance: Instance
) -> None:
    alice = await staff.come_in(client, instance)
    asked = RIVER | {"kind": "consultation", "options": "Clean it\nLeave it", "letter": "Not of this kind"}
    for few in ("", "Clean it", "Clean it\nclean it"):
        answer = await alice.post("/admin/campaigns/new", asked | {"options": few})
        assert (answer.status, 'id="problem-options"' in answer.text) == (422, True), few
    await alice.post("/admin/campaigns/new", asked)
    campaign, texts = await kept(instance)
    assert (texts["en"].options, texts["en"].letter) == ('["Clean it", "Leave it"]', None)

    path = "/admin/campaigns/a-clean-river"
    german = {"title": "Fluss", "text": "Sauber?", "options": "Säubern"}
    answer = await alice.post(f"{path}/translations/de", german)
    assert (answer.status, "As many answers as in the original" in answer.text) == (422, True)
    await alice.post(f"{path}/translations/de", german | {"options": "Säubern\nLassen"})
    assert (await kept(instance))[1]["de"].options == '["Säubern", "Lassen"]'
    await alice.post(f"{path}/publish", hidden(await alice.get(f"{path}/state")))
    # Once it is public these are no part of the form any more, and stay.
    await alice.post(path, RIVER | {"title": "Better"} | hidden(await alice.get(path)))
    campaign, texts = await kept(instance)
    assert (campaign.kind, texts["en"].title) == ("consultation", "Better")
    assert texts["en"].options == '["Clean it", "Leave it"]'


async def test_a_file_says_what_the_form_asks_as_the_editor_does(instance: Instance) -> None:
    source = (
        "---\ntitle: A river\nslug: river\ntopic: Water\nasks: {asks}\n"
        "privacy: |\n  We keep\n  them.\n---\nText"
    )
    async with instance.database.writing() as session:
        written = manuscript.parse(source.format(asks="phone?, postcode"), Path("river.md"))
        await publish.create(session, seal=instance.seal, manuscript=written, now=instance.now())
    campaign, _ = await kept(instance, "river")
    assert (campaign.asks, campaign.privacy) == ('{"postcode": true, "phone": false}', "We keep\nthem.")
    async with instance.database.writing() as session:
        written = manuscript.parse("---\nasks: none\nprivacy: none\n---\nText", Path("river.md"))
        await publish.edit(session, urls=instance.urls, slug="river", manuscript=written, now=instance.now())
    campaign, _ = await kept(instance, "river")
    assert (campaign.asks, campaign.privacy) == (None, None)
    with pytest.raises(Unusable, match="`shoe` is none of postcode"):
        manuscript.parse(source.format(asks="shoe"), Path("river.md"))


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Save the old forest!", "save-the-old-forest"),
        ("Rettet die Flüße & Bäche", "rettet-die-flusse-bache"),
        ("L’eau n'est pas à vendre", "leau-nest-pas-a-vendre"),
        ("A" * 50, "a" * 40),
        ("A clean river for everybody’s children and all", "a-clean-river-for-everybodys-children"),
        ("Чистая река", ""),
        ("News", ""),
    ],
)
def test_an_address_is_proposed_from_the_title(title: str, slug: str) -> None:
    assert fields.proposed(title) == slug
