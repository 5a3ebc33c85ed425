"""A consultation counts one answer of each, a pledge who wants to help; the fediverse debates."""

import re

import pytest
from sqlalchemy import update

from fedicause import moderate, rounds
from fedicause.fields import Unusable
from fedicause.instance import Instance
from fedicause.signing import options
from storage import testimonies
from storage.coalition_models import Coalition
from storage.models import Campaign
from tests import dialects, forms, letters
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.people import Person
from tests.web import staff, supporters, writing

NOTE = "https://ours.test/campaigns/park"
_ROW = re.compile(r'<th scope="row"[^>]*>([^<]+)</th>\s*<td>(\d+)')


@pytest.fixture
async def park(instance: Instance) -> Campaign:
    made = await writing.campaign(
        instance, "park", kind="consultation", options="[A pond, Swings, '<Trees>']"
    )
    await writing.translation(instance, "park", "de", "Der Park", "Was?")
    return made


async def page(client: Client, clock: Clock, path: str = "/campaigns/park") -> str:
    clock.advance(2)
    answer = await forms.get(client, path)
    assert answer.status == 200
    return answer.text


async def results(client: Client, clock: Clock, path: str = "/campaigns/park") -> dict[str, int]:
    part = (
        (await page(client, clock, path)).partition('aria-labelledby="results"')[2].partition("</table>")[0]
    )
    return {words: int(number) for words, number in _ROW.findall(part)}


async def test_confirmed_answers_are_counted(
    client: Client, instance: Instance, park: Campaign, clock: Clock
) -> None:
    assert await results(client, clock) == {"A pond": 0, "Swings": 0, "&lt;Trees&gt;": 0}
    await supporters.signs(client, instance, "park", "ann@a.example", choice="1")
    await supporters.signs(client, instance, "park", "bob@a.example", choice="3")
    path = await supporters.sign(client, instance, "park", "cy@a.example", choice="3")
    assert await results(client, clock) == {"A pond": 1, "Swings": 0, "&lt;Trees&gt;": 1}
    assert "&lt;Trees&gt;" in (await forms.get(client, path)).text
    await supporters.confirm(client, path)
    assert await results(client, clock) == {"A pond": 1, "Swings": 0, "&lt;Trees&gt;": 2}
    # Without a translation of the answers, those of the original are shown.
    assert await results(client, clock, "/campaigns/park?lang=de") == {
        "A pond": 1, "Swings": 0, "&lt;Trees&gt;": 2,
    }  # fmt: skip
    await forms.post(client, path.replace("/confirm/", "/decline/"), {"withdraw": "yes"})
    assert await results(client, clock) == {"A pond": 1, "Swings": 0, "&lt;Trees&gt;": 1}


@pytest.mark.parametrize("choice", ["", "0", "4", "-1", "1 ", "²", "x" * 100])
async def test_one_answer_is_a_must(client: Client, instance: Instance, park: Campaign, choice: str) -> None:
    answer = await forms.sign(client, "park", choice=choice)
    assert answer.status == 422
    assert "Please choose an answer" in answer.text
    assert await letters.waiting(instance) == []


async def test_a_browser_without_a_script_keeps_the_answer_on_the_page_between(
    client: Client, instance: Instance, park: Campaign, clock: Clock
) -> None:
    between = await forms.post(client, "/campaigns/park/signatures", forms.BOB | {"choice": "2"})
    assert between.status == 200
    clock.advance(10)
    sent = await forms.post(client, "/campaigns/park/signatures", between.hidden())
    assert sent.status == 303
    (letter,) = await letters.waiting(instance)
    await supporters.confirm(client, letter.links["confirm"])
    assert (await results(client, clock))["Swings"] == 1


async def test_the_answer_is_changed_through_the_letter_that_comes_for_signing_again(
    client: Client, instance: Instance, park: Campaign, clock: Clock
) -> None:
    await supporters.signs(client, instance, "park", "bob@a.example", choice="1")
    answer = await forms.sign(client, "park", mail="bob@a.example", choice="2")
    assert answer.status == 303
    assert await results(client, clock) == {"A pond": 1, "Swings": 0, "&lt;Trees&gt;": 0}
    letter = (await letters.waiting(instance, "bob@a.example"))[-1]
    assert letter.kind == "known"
    shown = await forms.get(client, letter.links["confirm"])
    assert re.search(r'name="choice" value="1" checked', shown.text)
    for choice, pond in (("9", 1), ("", 1), ("2", 0)):
        await supporters.confirm(client, letter.links["confirm"], choice=choice)
        assert (await results(client, clock))["A pond"] == pond
    assert (await results(client, clock))["Swings"] == 1
    await writing.end(instance, "park")
    await supporters.confirm(client, letter.links["confirm"], choice="1")
    assert (await results(client, clock))["Swings"] == 1


async def test_answers_of_large_campaigns_are_counted_once_for_all(
    client: Client, instance: Instance, park: Campaign, clock: Clock
) -> None:
    path = await supporters.signs(client, instance, "park", "ann@a.example", choice="1")
    async with instance.database.writing() as session:
        await session.execute(update(Coalition).values(signatures=options.COUNTED_AT_ONCE + 1))
    clock.advance(2)
    await rounds.count_answers(instance)
    await supporters.signs(client, instance, "park", "bob@a.example", choice="2")
    await supporters.confirm(client, path, choice="3")
    assert await results(client, clock) == {"A pond": 1, "Swings": 0, "&lt;Trees&gt;": 0}
    await rounds.count_answers(instance)
    assert await results(client, clock) == {"A pond": 0, "Swings": 1, "&lt;Trees&gt;": 1}


async def test_answers_of_a_published_consultation_grow_and_are_worded_better(
    client: Client, instance: Instance, park: Campaign, clock: Clock
) -> None:
    await supporters.signs(client, instance, "park", "ann@a.example", choice="1")
    for given in ("[A pond, Swings]", "none"):
        with pytest.raises(Unusable):
            await writing.edit(instance, "park", options=given)
    await writing.edit(instance, "park", options="[A deep pond, Swings, Trees, Nothing]")
    assert await results(client, clock) == {"A deep pond": 1, "Swings": 0, "Trees": 0, "Nothing": 0}


async def test_who_helps_with_what_is_shown_in_numbers(
    client: Client, instance: Instance, clock: Clock
) -> None:
    await writing.campaign(instance, "walk", kind="pledge", roles="organiser, translator, Bring cake")
    await supporters.signs(
        client, instance, "walk", "ann@a.example", **{"roles-1": "yes", "roles-3": "yes", "roles-9": "yes"}
    )
    await supporters.signs(client, instance, "walk", "bob@a.example", **{"roles-3": "yes"})
    await supporters.signs(client, instance, "walk", "cy@a.example")
    path = "/campaigns/walk"
    assert await results(client, clock, path) == {"Organiser": 1, "Translator": 0, "Bring cake": 2}
    async with client.get("/api/campaigns/walk/support") as answer:
        assert (await answer.json())["signatures"] == 3
    alice = await staff.come_in(client, instance, "campaigner")
    listed = (await alice.get("/admin/campaigns/walk/volunteers")).text
    assert "Organiser, Bring cake" in listed
    assert [f"{who}@a.example" in listed for who in ("ann", "bob", "cy")] == [True, True, False]
    carol = await staff.come_in(client, instance, "moderator")
    assert (await carol.get("/admin/campaigns/walk/volunteers")).status == 403


async def allow_all(instance: Instance, *, but: str = "") -> None:
    async with instance.database.writing() as session:
        for each in await testimonies.waiting(session):
            if not but or but not in each.html:
                await moderate.allow(session, each.id)


async def answer_to(person: Person, note: str, content: str) -> str:
    """The person answers; gives the URI of what was said."""
    said = dialects.reply(
        person.server.dialect,
        person.uri,
        note,
        len(person.said) + 1,
        content=f"<p>{content}</p>",
        at=person.server.world.clock.now(),
    )
    answer = await person.say(dialects.about("Create", said | {"tag": []}), None, NOTE)
    assert answer.status == 202
    return str(said["id"])


async def test_the_fediverse_debates_under_moderation(
    client: Client, instance: Instance, park: Campaign, clock: Clock, fediverse: Fediverse
) -> None:
    server = await fediverse.server("elsewhere.test")
    ann, bob = await server.person("ann"), await server.person("bob")
    first = await answer_to(ann, NOTE, "A pond, please")
    clock.advance(5)
    second = await answer_to(bob, first, "With ducks")
    clock.advance(5)
    await answer_to(ann, second, "And frogs")
    clock.advance(5)
    await answer_to(bob, NOTE, "Swings for me")
    clock.advance(5)
    await answer_to(bob, first, "Spam")
    assert "A pond, please" not in await page(client, clock)
    await allow_all(instance, but="Spam")
    words = ("A pond, please", "With ducks", "And frogs", "Swings for me")
    for path, order in (
        ("/campaigns/park", ("Swings for me", *words[:3])),
        ("/campaigns/park/debate", ("Swings for me", *words[:3])),
        ("/campaigns/park/debate?sort=oldest", words),
    ):
        shown = await page(client, clock, path)
        assert sorted(order, key=shown.index) == list(order), path
        assert "Spam" not in shown
    threads = shown.partition('<ol class="threads">')[2]
    before = [threads.partition(each)[0] for each in words]
    assert [each.count("<ol>") - each.count("</ol>") for each in before] == [0, 1, 2, 0]
    assert (await forms.get(client, "/campaigns/park/debate?sort=loudest")).status == 404
    # What its author deletes is gone; what answered it stands by itself.
    said = next(each["object"] for each in ann.said if each["object"]["id"] == first)
    assert (await ann.delete(note=said)).status == 202
    shown = await page(client, clock, "/campaigns/park/debate?sort=oldest")
    assert "A pond, please" not in shown
    assert "With ducks" in shown


async def test_a_long_debate_is_read_page_by_page_in_both_orders(
    client: Client, instance: Instance, park: Campaign, clock: Clock, fediverse: Fediverse
) -> None:
    bob = await (await fediverse.server("elsewhere.test")).person("bob")
    for number in range(24):
        await answer_to(bob, NOTE, f"word{number:02}")
    await allow_all(instance)
    for order in ("newest", "oldest"):
        path, found = f"/campaigns/park/debate?sort={order}", []
        while path:
            shown = await page(client, clock, path)
            found.append(re.findall(r"word(\d\d)", shown))
            more = re.search(r'rel="next" href="([^"]+)"', shown)
            path = more[1].replace("&amp;", "&") if more else ""
        wanted = [f"{number:02}" for number in range(24)]
        assert [each for part in found for each in part] == (wanted if order == "oldest" else wanted[::-1])
        assert [len(each) for each in found] == [20, 4]
        back = re.search(r'rel="prev" href="([^"]+)"', shown)
        assert back is not None
        shown = await page(client, clock, back[1].replace("&amp;", "&"))
        assert re.findall(r"word(\d\d)", shown) == found[0]


async def test_the_staff_writes_answers_and_letters_in_the_browser(
    client: Client, instance: Instance, park: Campaign, clock: Clock
) -> None:
    alice = await staff.come_in(client, instance, "campaigner")
    path = "/admin/campaigns/park/kind"
    assert "A pond\nSwings\n&lt;Trees&gt;</textarea>" in (await alice.get(path)).text
    fewer = await alice.post(path, {"language": "en", "options": "A pond\nSwings"})
    assert fewer.status == 422
    assert "take none away" in fewer.text
    twice = await alice.post(path, {"language": "en", "options": "A pond\nA pond\nSwings"})
    assert twice.status == 422
    assert (await alice.post(path, {"language": "en", "options": "Pond\nSwings\nTrees"})).status == 303
    assert (await alice.post(path, {"language": "de", "options": "Teich\nSchaukeln\nBäume"})).status == 303
    assert await results(client, clock) == {"Pond": 0, "Swings": 0, "Trees": 0}
    assert list(await results(client, clock, "/campaigns/park?lang=de")) == ["Teich", "Schaukeln", "Bäume"]
    assert (await alice.post(path, {"language": "fr", "options": "Un\nDeux"})).status == 404
    await writing.campaign(instance, "write", kind="message")
    path = "/admin/campaigns/write/kind"
    wrong = await alice.post(path, {"language": "en", "subject": "Dear", "per_hour": "0"})
    assert wrong.status == 422
    assert 'id="problem-per_hour"' in wrong.text
    written = {"language": "en", "subject": "Dear all", "letter": "Listen.", "per_hour": "7", "digest": "yes"}
    assert (await alice.post(path, written)).status == 303
    shown = (await alice.get(path)).text
    for words in ('value="Dear all"', ">Listen.<", 'value="7"', 'value="yes" checked'):
        assert words in shown
    ada = {"name": "Ada Oak", "mail": "ada@town.example"}
    assert (await alice.post("/admin/campaigns/write/targets/add", ada)).status == 303
    assert "Listen." in await page(client, clock, "/campaigns/write")
    reader = await staff.come_in(client, instance, "reader")
    assert (await reader.post(path, written)).status == 403
