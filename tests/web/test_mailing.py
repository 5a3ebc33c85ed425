"""News by mail: to whom they go, that nobody gets them twice, and how they are ended."""

import re
import secrets
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from fedicause import mail, publish, rounds
from fedicause.campaigning import manuscript
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.letters import mailing, post
from storage import letters as queue
from storage.models import Campaign
from storage.people_models import Consent, Letter, Mailing, Person
from tests import forms, letters, own_page
from tests.clock import Clock
from tests.conftest import Client
from tests.mailboxes import CONSENT, crowd
from tests.web import writing

NEWS = "The council *listens*.\n\nRead [more](https://forest.example/)."


async def tell(instance: Instance, *, by_mail: bool = True, slug: str = "forest", front: str = "") -> None:
    written = manuscript.parse(f"---\ntitle: The council listens\n{front}---\n{NEWS}\n", Path("news.md"))
    async with instance.database.writing() as session:
        await publish.update(
            session, urls=instance.urls, slug=slug, manuscript=written, mail=by_mail, now=instance.now()
        )


async def news(instance: Instance) -> list[letters.Read]:
    return [each for each in await letters.waiting(instance) if each.kind == "update"]


async def rows(instance: Instance, table: type) -> list[Any]:
    async with instance.database.reading() as session:
        return list(await session.scalars(select(table)))


async def link(instance: Instance, to: str = "bob@mail.example") -> str:
    """The path in somebody's letter by which the news are ended."""
    (letter,) = [each for each in await news(instance) if each.to == to]
    found = re.search(r"https://ours\.test(/unsubscribe/\S+)", letter.text)
    assert found is not None
    return found[1]


async def test_news_go_to_those_who_signed_confirmed_and_agreed(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await writing.translation(instance, "forest", "de", "Rettet den alten Wald", "Bitte.")
    await writing.campaign(instance, "river")
    await own_page.sign(client, instance, **CONSENT)
    await own_page.sign(client, instance, mail="carol@mail.example", lang="de", **CONSENT)
    await own_page.sign(client, instance, mail="no@mail.example")
    await own_page.sign(client, instance, mail="back@mail.example", **CONSENT)
    await own_page.sign(client, instance, "river", mail="river@mail.example", **CONSENT)
    await forms.sign(client, "forest", None, mail="pending@mail.example", **CONSENT)
    path = await own_page.door(client, instance, "back@mail.example")
    await forms.post(client, f"{path}/withdraw", {"signature": await own_page.only(client, path)})
    for name, column in (("bounced", "bounced_at"), ("declined", "declined_at")):
        await own_page.sign(client, instance, mail=f"x@{name}.example", **CONSENT)
        async with instance.database.writing() as session:
            one = update(Person).where(Person.domain == f"{name}.example")
            await session.execute(one.values({column: instance.now()}))
    await tell(instance)
    await own_page.sign(client, instance, mail="late@mail.example", **CONSENT)
    await rounds.mail_updates(instance)
    bob, carol = await news(instance)
    assert (bob.to, bob.language, carol.to, carol.language) == (
        "bob@mail.example", "en", "carol@mail.example", "de",
    )  # fmt: skip
    assert bob.subject == "The council listens"
    assert "News of “Save the old forest”" in bob.text
    assert "The council *listens*." in bob.text
    assert "<em>listens</em>" in bob.html
    assert "Rettet den alten Wald" in carol.text
    for letter in (bob, carol):
        assert "https://ours.test/campaigns/forest/updates/1" in letter.text
    assert (await link(instance)) != (await link(instance, "carol@mail.example"))
    (done,) = await rows(instance, Mailing)
    assert (done.letters, done.ended_at) == (2, instance.now())
    await rounds.mail_updates(instance)
    assert len(await news(instance)) == 2


async def test_without_the_wish_nobody_is_written_to(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await own_page.sign(client, instance, **CONSENT)
    await tell(instance, by_mail=False)
    await tell(instance, by_mail=False, front="mail: false\n")
    await rounds.mail_updates(instance)
    assert await news(instance) == []
    await tell(instance, by_mail=False, front="mail: true\n")
    await rounds.mail_updates(instance)
    assert len(await news(instance)) == 1
    await writing.delete(instance, "forest")
    assert await rows(instance, Mailing) == []


async def test_the_letter_says_how_it_is_ended(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await own_page.sign(client, instance, **CONSENT)
    await tell(instance)
    await rounds.mail_updates(instance)
    path = await link(instance)
    (row,) = [each for each in await rows(instance, Letter) if each.kind == "update"]
    assert row.is_bulk
    assert mail.unsealed(instance.seal, row.content_sealed).unsubscribe == f"https://ours.test{path}"
    await post.round(instance)
    message = (instance.settings.data / "mail" / f"{row.id}.eml").read_text()
    assert f"List-Unsubscribe: <https://ours.test{path}>" in message
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in message


@pytest.mark.parametrize("headers", [{}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_one_press_in_a_mail_program_ends_it(
    client: Client, instance: Instance, campaign: Campaign, headers: dict[str, str]
) -> None:
    await writing.campaign(instance, "river")
    await own_page.sign(client, instance, **CONSENT)
    await own_page.sign(client, instance, "river", **CONSENT)
    await own_page.sign(client, instance, mail="carol@mail.example", **CONSENT)
    await tell(instance)
    await rounds.mail_updates(instance)
    path = await link(instance)
    for _ in range(2):
        page = await forms.get(client, path)
        assert (page.status, page.headers["X-Robots-Tag"]) == (200, "noindex")
        assert "bob" not in page.text.lower()
    assert len(await news(instance)) == 2
    for _ in range(2):
        done = await forms.post(client, path, {"List-Unsubscribe": "One-Click"}, **headers)
        assert (done.status, "No more news" in done.text) == (200, True)
    # What waited is not sent, and it holds for every campaign of ours; others' consents stay.
    assert [each.to for each in await news(instance)] == ["carol@mail.example"]
    given = [each.withdrawn_at is None for each in await rows(instance, Consent)]
    assert sorted(given) == [False, False, True]
    await tell(instance, slug="river")
    await rounds.mail_updates(instance)
    assert [each.to for each in await news(instance)] == ["carol@mail.example"]


async def test_the_button_ends_it_and_only_with_the_right_link(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await own_page.sign(client, instance, **CONSENT)
    await tell(instance)
    await rounds.mail_updates(instance)
    path = await link(instance)
    number, _, mac = path.removeprefix("/unsubscribe/").partition(".")
    for wrong in (f"{number}.{'A' * 24}", f"{int(number) + 1}.{mac}", f"{'9' * 18}.{mac}"):
        assert (await forms.get(client, f"/unsubscribe/{wrong}")).status == 404
        assert (await forms.post(client, f"/unsubscribe/{wrong}", {})).status == 404
    assert (await forms.post(client, path, {}, **{"Sec-Fetch-Site": "cross-site"})).status == 403
    assert len(await news(instance)) == 1
    assert "Done. No more news" in (await forms.post(client, path, {})).text
    assert await news(instance) == []
    # A row key that is used again is somebody else.
    await forms.post(client, f"{await own_page.door(client, instance)}/erase", {})
    await own_page.sign(client, instance, mail="carol@mail.example", **CONSENT)
    assert (await forms.get(client, path)).status == 404


async def test_taking_the_consent_back_recalls_what_waits(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await own_page.sign(client, instance, **CONSENT)
    path = await own_page.door(client, instance)
    await tell(instance)
    await rounds.mail_updates(instance)
    assert len(await news(instance)) == 1
    fields = {"signature": await own_page.only(client, path), "shown": "nothing", "reason": ""}
    await forms.post(client, f"{path}/change", fields)
    assert await news(instance) == []


async def test_many_are_written_to_in_steps_and_each_once(instance: Instance, campaign: Campaign) -> None:
    number = 2 * mailing.STEP + 14
    await crowd(instance, 2 * number)
    await tell(instance)

    async def step(*, killed: bool) -> None:
        async with instance.database.writing() as session:
            assert await mailing.step(session, Here.at(instance))
            if killed:
                await session.rollback()

    await step(killed=True)
    assert await news(instance) == []
    await step(killed=False)
    (half,) = await rows(instance, Mailing)
    assert (half.serial, half.letters, half.ended_at) == (2 * mailing.STEP, mailing.STEP, None)
    await step(killed=True)
    await rounds.mail_updates(instance)
    written = [each.to for each in await news(instance)]
    assert len(written) == len(set(written)) == number
    (done,) = await rows(instance, Mailing)
    assert (done.letters, done.ended_at) == (number, instance.now())


async def test_no_more_are_written_than_can_be_sent_soon(instance: Instance, campaign: Campaign) -> None:
    await crowd(instance, 4 * mailing.STEP)
    others = [
        queue.New("target", None, "mail.example", b"", secrets.token_hex(16), is_bulk=True)
        for _ in range(mailing.MOST_WAITING - 10)
    ]
    async with instance.database.writing() as session:
        await queue.add(session, others, instance.now())
    await tell(instance)
    for _ in range(2):
        await rounds.mail_updates(instance)
        (half,) = await rows(instance, Mailing)
        assert (half.letters, half.ended_at) == (mailing.STEP, None)
    async with instance.database.writing() as session:
        await session.execute(update(Letter).values(ended_at=instance.now()))
    await rounds.mail_updates(instance)
    (done,) = await rows(instance, Mailing)
    assert (done.letters, done.ended_at) == (2 * mailing.STEP, instance.now())


async def test_an_update_of_nobody_is_over_at_once(
    instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await tell(instance)
    await rounds.mail_updates(instance)
    assert all(each.ended_at is not None for each in await rows(instance, Mailing))
