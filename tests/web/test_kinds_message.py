"""People write to those who decide for them: found by place, in their own words, never too often."""

import pytest
from sqlalchemy import select, update

from fedicause import mail, rounds
from fedicause.fields import Unusable
from fedicause.instance import Instance
from fedicause.letters import envelop
from fedicause.signing import targets
from storage.coalition_models import Signature
from storage.kinds_models import TargetLetter
from storage.models import Campaign
from tests import forms, letters
from tests.clock import Clock
from tests.conftest import Client
from tests.letters import Read
from tests.web import staff, supporters, writing

TABLE = """name,office,area,country,postcodes,mail
Ada Oak,Mayor,Brixen,IT,39042 39040-39041,ada@town.example
Ben Elm,Deputy,Italy,it,,ben@state.example
Cem Fir,Deputy,Germany,DE,,cem@bund.example
"""
PATH = "/admin/campaigns/write/targets"


@pytest.fixture
async def message(client: Client, instance: Instance) -> Campaign:
    made = await writing.campaign(
        instance, "write", kind="message", subject="Keep the forest", letter="Please keep it."
    )
    alice = await staff.come_in(client, instance, "campaigner")
    await alice.get(PATH)
    assert (await alice.post(PATH, {"table": TABLE})).status == 303
    return made


async def sent(instance: Instance, to: str | None = None) -> list[Read]:
    await rounds.write_to_targets(instance)
    return [each for each in await letters.waiting(instance, to) if each.kind == "target"]


async def page(client: Client, clock: Clock, path: str) -> str:
    clock.advance(2)
    answer = await forms.get(client, path)
    assert answer.status == 200
    return answer.text


async def test_without_anybody_to_write_to_it_is_signed_like_a_petition(
    client: Client, instance: Instance, clock: Clock
) -> None:
    await writing.campaign(instance, "void", kind="message")
    assert 'name="letter"' not in await page(client, clock, "/campaigns/void")
    path = await supporters.signs(client, instance, "void", "ann@a.example")
    assert "Your letter" not in (await forms.get(client, path)).text


def test_a_table_of_targets_is_read() -> None:
    read = targets.read("\ufeffMail;Name;Postcodes\nada@town.example;  Ada   Oak ;10, 20-21\n\n;;\n")
    assert read == [
        {
            "name": "Ada Oak", "office": "", "area": "", "country": "", "postcodes": "10 20-21",
            "mail": "ada@town.example", "language": "",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "line 1: the column `name` is missing"),
        ("name,mail,age\nx,y@z.example,3", "line 1: unknown column `age`"),
        ("name,mail\n", "there is nobody in it"),
        ("name,mail\nAda,ada", "line 2: `mail` is no mail address"),
        ('name,mail\nAda,"a@b.example\r\nBcc: c@d.example"', "line 3: `mail` is no mail address"),
        ("name,mail,country\nAda,a@b.example,EU", "line 2: `country` `EU` is no country"),
        ("name,mail\nAda,a@b.example,more", "line 2: more values than columns"),
        ('name,mail\n"Ada,a@b.example', "line 2: unexpected end of data"),
    ],
)
def test_what_is_wrong_in_a_table_is_said_with_its_line(table: str, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        targets.read(table)


@pytest.mark.parametrize(
    ("postcodes", "code", "covered"),
    [
        ("39042", "39042", True),
        ("390", "39042", True),
        ("39040-39043", "39042", True),
        ("39-40", "39042", True),
        ("39040-39041", "39042", False),
        ("SW1A", "sw1a 1aa", True),
        ("10 39", "39042", True),
        ("39042", "39", False),
        ("1-2", "3", False),
    ],
)
def test_postal_codes(postcodes: str, code: str, covered: bool) -> None:
    assert targets.covers(postcodes, targets.plain(code)) is covered


async def test_those_who_decide_are_found_by_place(
    client: Client, instance: Instance, message: Campaign, clock: Clock
) -> None:
    text = await page(client, clock, "/campaigns/write")
    assert "Ada Oak" in text
    assert "town.example" not in text
    path = "/campaigns/write/recipients"
    for query, found in (
        ("?country=IT&postcode=39042", {"Ada Oak", "Ben Elm"}),
        ("?country=IT&postcode=1", {"Ben Elm"}),
        ("?country=DE&postcode=39042", {"Cem Fir"}),
        ("?country=AT", set()),
        ("?country=<b>&postcode=<i>", set()),
    ):
        text = await page(client, clock, path + query)
        assert {name for name in ("Ada Oak", "Ben Elm", "Cem Fir") if name in text} == found
        assert "<i>" not in text
        assert "@town.example" not in text


async def test_a_letter_goes_to_whom_its_signer_wishes_once_it_is_confirmed(
    client: Client, instance: Instance, message: Campaign, clock: Clock
) -> None:
    answer = await forms.sign(client, "write", country="IT")
    assert 'id="problem-postcode"' in answer.text
    path = await supporters.sign(
        client, instance, "write", "ann@a.example", name="Ann Aha", country="IT", postcode="39042"
    )
    shown = (await forms.get(client, path)).text
    ada, ben = (f"target-{number}" for number in (1, 2))
    assert f'name="{ada}" value="yes" checked' in shown
    assert f'name="{ben}" value="yes" checked' in shown
    assert "target-3" not in shown
    assert "Please keep it." in shown
    assert await sent(instance) == []
    await supporters.confirm(client, path, **{ada: "yes", "target-3": "yes"})
    (letter,) = await sent(instance)
    assert (letter.to, letter.subject) == ("ada@town.example", "Keep the forest")
    assert letter.text.startswith("Please keep it.\n\nAnn Aha\n39042\n")
    assert "ann@a.example" not in letter.text + letter.html
    # Pressed again, nothing is sent again.
    await supporters.confirm(client, path, **{ada: "yes", ben: "yes"})
    assert len(await sent(instance)) == 1
    async with instance.database.reading() as session:
        (row,) = await session.scalars(select(TargetLetter))
    assert (row.content_sealed, row.signature_id) == (None, None)


async def test_the_letter_is_in_the_signers_words_and_answers_reach_who_wants_them(
    client: Client, instance: Instance, message: Campaign, clock: Clock
) -> None:
    evil = "Hear me\r\nBcc: everybody@d.example\r\n\r\n<script>alert(1)</script>"
    path = await supporters.sign(
        client, instance, "write", "ann@a.example", country="DE", postcode="1", name="Ann Aha",
        subject=evil, letter=evil + "\n\n" + "x" * 300,
    )  # fmt: skip
    assert "<script>alert" not in (await forms.get(client, path)).text
    await supporters.confirm(client, path, **{"target-3": "yes", "answers": "yes"})
    (letter,) = await sent(instance)
    assert letter.subject == "Hear me Bcc: everybody@d.example <script>alert(1)</script>"
    assert "<script>alert" not in letter.html
    async with instance.database.reading() as session:
        from storage import letters as stored

        row = next(each for each in await stored.waiting(session, 10) if each.kind == "target")
    whole = envelop.message(
        mail.unsealed(instance.seal, row.content_sealed),
        envelop.Sender("Forest", "org@ours.test"),
        kind="target",
        token="abc",
        written_at=instance.now(),
    )
    head = whole.partition(b"\r\n\r\n")[0]
    assert b"\r\nReply-To: ann@a.example\r\n" in head
    assert b"\r\nBcc" not in head


async def test_what_is_taken_back_in_time_is_not_sent(
    client: Client, instance: Instance, message: Campaign, clock: Clock
) -> None:
    path = await supporters.sign(client, instance, "write", "ann@a.example", country="DE", postcode="1")
    await supporters.confirm(client, path, **{"target-3": "yes"})
    await forms.post(client, path.replace("/confirm/", "/decline/"), {"withdraw": "yes"})
    assert await sent(instance) == []


async def test_fakes_write_to_nobody(
    client: Client, instance: Instance, message: Campaign, clock: Clock
) -> None:
    path = await supporters.sign(client, instance, "write", "ann@a.example", country="DE", postcode="1")
    await supporters.confirm(client, path, **{"target-3": "yes"})
    async with instance.database.writing() as session:
        await session.execute(update(Signature).values(state="invalid"))
    assert await sent(instance) == []
    await writing.edit(instance, "write", digest="yes")
    assert await sent(instance) == []


async def many(client: Client, instance: Instance, number: int, **fields: str) -> None:
    for each in range(number):
        path = await supporters.sign(
            client, instance, "write", f"p{each}@a.example", name=f"Person {each}", country="DE",
            postcode="1", **fields,
        )  # fmt: skip
        await supporters.confirm(client, path, **{"target-3": "yes"})


async def test_a_target_gets_so_many_letters_an_hour(
    client: Client, instance: Instance, message: Campaign, clock: Clock
) -> None:
    await writing.edit(instance, "write", per_hour=2)
    await many(client, instance, 5)
    for minutes, number in ((0, 2), (30, 2), (31, 4), (61, 5)):
        clock.advance(minutes * 60)
        assert len(await sent(instance, "cem@bund.example")) == number


async def test_a_digest_spares_the_mailbox(
    client: Client, instance: Instance, message: Campaign, clock: Clock
) -> None:
    await writing.edit(instance, "write", digest="yes")
    await many(client, instance, 2)
    path = await supporters.sign(
        client, instance, "write", "own@a.example", name="Own Words", country="DE", postcode="1",
        letter="In my own words.",
    )  # fmt: skip
    await supporters.confirm(client, path, **{"target-3": "yes", "answers": "yes"})
    (digest,) = await sent(instance, "cem@bund.example")
    assert digest.subject == "3 letters: Keep the forest"
    assert digest.text.count("Please keep it.") == 1
    for words in ("Person 0", "Person 1", "In my own words.", "Own Words, 1 <own@a.example>"):
        assert words in digest.text
    assert "p0@a.example" not in digest.text
    path = await supporters.sign(client, instance, "write", "z@a.example", country="DE", postcode="1")
    await supporters.confirm(client, path, **{"target-3": "yes"})
    clock.advance(23 * 3600)
    assert len(await sent(instance, "cem@bund.example")) == 1
    clock.advance(2 * 3600)
    assert (await sent(instance, "cem@bund.example"))[-1].subject == "1 letter: Keep the forest"


async def test_the_staff_keeps_the_list(
    client: Client, instance: Instance, message: Campaign, clock: Clock
) -> None:
    alice = await staff.come_in(client, instance, "owner")
    text = (await alice.get(PATH)).text
    for words in ("Ada Oak", "ada@town.example", "39042 39040-39041"):
        assert words in text
    wrong = await alice.post(PATH, {"table": "name,mail\nAda,ada"})
    assert wrong.status == 422
    assert "line 2: `mail` is no mail address" in wrong.text
    added = await alice.post(f"{PATH}/add", {"name": "<b>Dan", "mail": "dan@town.example"})
    assert added.status == 303
    assert "&lt;b&gt;Dan" in (await alice.get(PATH)).text
    assert (await alice.post(f"{PATH}/add", {"name": "Eve", "mail": "eve"})).status == 422
    assert (await alice.post(f"{PATH}/3/remove")).status == 303
    assert (await alice.post(f"{PATH}/999/remove")).status == 404
    # The same table again changes nothing; in place of all it leaves only what is in it.
    assert (await alice.post(PATH, {"table": TABLE})).status == 303
    shorter = TABLE.replace("Mayor", "Major").rpartition("Cem")[0]
    assert (await alice.post(PATH, {"table": shorter, "replace": "yes"})).status == 303
    text = (await alice.get(PATH)).text
    assert [name in text for name in ("Ada Oak", "Ben Elm", "Cem Fir", "Dan")] == [True, True, False, False]
    assert "Major" in text
    await writing.campaign(instance, "plain")
    assert (await alice.post("/admin/campaigns/plain/targets", {"table": TABLE})).status == 409
    reader = await staff.come_in(client, instance, "reader")
    assert (await reader.post(PATH, {"table": TABLE})).status == 403
