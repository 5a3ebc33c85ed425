"""Somebody signs on a page, from the form to the link that they pass on."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from federation import sketches
from fedicause.instance import Instance
from fedicause.signing import asks
from storage.models import Campaign
from storage.people_models import Consent, Pledge
from tests import forms, letters
from tests.clock import Clock
from tests.conftest import Client
from tests.web import alliances, writing


async def support(client: Client, campaign: str = "forest") -> dict[str, object]:
    async with client.get(f"/api/campaigns/{campaign}/support") as answer:
        return dict(await answer.json())


async def total(client: Client, clock: Clock) -> object:
    clock.advance(2)
    return (await support(client))["signatures"]


async def test_from_the_form_to_the_thanks(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    page = await forms.get(client, "/campaigns/forest")
    assert 'action="/campaigns/forest/signatures"' in page.text
    answer = await forms.sign(client)
    assert (answer.status, answer.location) == (303, "/campaigns/forest/signatures/sent?lang=en")
    assert "look into your mailbox" in (await forms.get(client, answer.location)).text
    assert await total(client, clock) == 0
    (letter,) = await letters.waiting(instance)
    shown = await forms.get(client, letter.links["confirm"])
    assert shown.status == 200
    assert "Bob Miller" in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    confirmed = await forms.post(client, letter.links["confirm"], {})
    assert confirmed.status == 303
    assert re.fullmatch(r"/signed/[\w-]{12}\?lang=en", confirmed.location)
    assert await total(client, clock) == 1
    thanks = await forms.get(client, confirmed.location)
    assert "Your signature counts" in thanks.text
    assert "Bob" not in thanks.text
    assert "bob@" not in thanks.text


async def test_looking_changes_nothing(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await forms.sign(client)
    (letter,) = await letters.waiting(instance)
    for path in letter.links.values():
        for _ in range(2):
            assert (await forms.get(client, path)).status == 200
        async with client.head(path) as answer:
            assert answer.status == 200
    assert await total(client, clock) == 0
    assert (await forms.post(client, letter.links["confirm"], {})).status == 303
    assert await total(client, clock) == 1


async def test_every_address_sees_the_same(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    unknown = await forms.sign(client)
    clock.advance(60)
    pending = await forms.sign(client)
    clock.advance(60)
    (_, letter) = await letters.waiting(instance)
    await forms.post(client, letter.links["confirm"], {})
    confirmed = await forms.sign(client)
    answers = [(each.status, each.location, each.text) for each in (unknown, pending, confirmed)]
    assert answers[0] == answers[1] == answers[2]
    assert [each.kind for each in await letters.waiting(instance)] == ["confirm", "confirm", "known"]


async def test_the_button_pressed_twice_counts_once(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await forms.sign(client)
    (letter,) = await letters.waiting(instance)
    first = await forms.post(client, letter.links["confirm"], {})
    second = await forms.post(client, letter.links["confirm"], {})
    assert first.location == second.location
    assert "counts already" in (await forms.get(client, letter.links["confirm"])).text
    assert await total(client, clock) == 1


@pytest.mark.parametrize("path", ["/confirm/nothing", "/decline/nothing", "/confirm/%00", "/signed/nothing"])
async def test_a_link_that_leads_nowhere_says_so(client: Client, campaign: Campaign, path: str) -> None:
    assert (await forms.get(client, path)).status == 404
    if path.startswith("/confirm"):
        answer = await forms.post(client, path, {})
        assert answer.status == 404
        assert "This link works no more" in answer.text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "Please write your name"),
        ("name", " \u202e . ", "Please write your name"),
        ("name", "x" * 101, "That is too long"),
        ("mail", "", "Please write your mail address"),
        ("mail", "bob", "That is no mail address"),
        ("mail", "bob@localhost", "That is no mail address"),
        ("mail", "bob@mail.example\r\nBcc: carol@mail.example", "That is no mail address"),
        ("mail", "bob@[127.0.0.1]", "That is no mail address"),
        ("mail", '"bob"@mail.example', "That is no mail address"),
        ("country", "", "Please choose your country"),
        ("country", "EU", "Please choose your country"),
        ("country", "XX", "Please choose your country"),
        ("reason", "x" * 501, "That is too long"),
    ],
)
async def test_what_is_wrong_is_said_beside_the_field_and_the_rest_is_kept(
    client: Client, instance: Instance, campaign: Campaign, field: str, value: str, said: str
) -> None:
    written = forms.BOB | {"consent-own": "yes", "shown": "initials", field: value}
    answer = await forms.post(client, "/campaigns/forest/signatures", written)
    assert answer.status == 422
    assert said in answer.text
    assert f'id="problem-{field}"' in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    kept = {"name": 'value="Bob Miller"', "mail": 'value="bob@mail.example"'}
    assert all(words in answer.text for name, words in kept.items() if name != field)
    assert 'name="consent-own" value="yes" checked' in answer.text
    assert 'value="initials" checked' in answer.text
    assert await letters.waiting(instance) == []


PAYLOAD = '"><script>alert(1)</script>{{1234567*7}}'


async def test_what_somebody_writes_is_never_markup(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    fields = dict.fromkeys((*forms.BOB, "reason", "shown", "via", "altcha", "stamp"), PAYLOAD)
    answer = await forms.post(client, "/campaigns/forest/signatures", fields)
    assert answer.status == 422
    assert "<script>alert" not in answer.text
    once_more = await forms.post(
        client, "/campaigns/forest/signatures", forms.BOB | {"name": PAYLOAD, "reason": PAYLOAD}
    )
    assert "Is this right?" in once_more.text
    await forms.sign(client, name=PAYLOAD, reason=PAYLOAD)
    (letter,) = await letters.waiting(instance)
    shown = await forms.get(client, letter.links["confirm"])
    for page in (once_more, shown):
        assert "&lt;script&gt;alert(1)" in page.text
        assert "<script>alert" not in page.text
        assert "8641969" not in page.text
    assert "alert(1)" not in letter.text + letter.html


async def test_the_form_says_which_consents_it_wants_and_ticks_none(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    page = await forms.get(client, "/campaigns/forest")
    assert "Friends of the Old Forest may write to me" in page.text
    assert "checked" not in page.text.partition('name="consent-own"')[2].partition(">")[0]
    await forms.sign(client)
    await forms.sign(client, mail="carol@mail.example", **{"consent-own": "yes"})
    async with instance.database.reading() as session:
        consents = list(await session.scalars(select(Consent)))
    assert [each.organisation_uri for each in consents] == ["https://ours.test/actors/org"]


async def test_a_campaign_asks_for_more_where_it_must(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    async with instance.database.writing() as session:
        found = await session.get(Campaign, campaign.id)
        assert found is not None
        found.asks = asks.written({"postcode": True, "city": False})
        found.privacy = "We print your <b>name</b> on paper."
    page = await forms.get(client, "/campaigns/forest")
    assert 'name="postcode"' in page.text
    assert "We print your &lt;b&gt;name&lt;/b&gt; on paper." in page.text
    assert 'id="problem-postcode"' in (await forms.sign(client)).text
    assert (await forms.sign(client, postcode="39042", city="Bressanone")).status == 303
    async with instance.database.reading() as session:
        (kept,) = await session.scalars(select(Pledge))
    assert b"39042" in instance.seal.open(kept.details_sealed)


async def test_a_closed_campaign_has_no_form_and_takes_none(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    proof = await forms.solved(client)
    await forms.sign(client)
    (letter,) = await letters.waiting(instance)
    await writing.end(instance, "forest")
    clock.advance(2)
    assert "/signatures" not in (await forms.get(client, "/campaigns/forest")).text
    answer = await forms.post(client, "/campaigns/forest/signatures", forms.BOB | {"altcha": proof})
    assert (answer.status, answer.location) == (303, "/campaigns/forest?lang=en")
    assert (await forms.get(client, letter.links["confirm"])).status == 404
    assert (await forms.post(client, letter.links["confirm"], {})).status == 404
    assert len(await letters.waiting(instance)) == 1
    # Whoever did not sign is still asked, and left alone.
    assert "forget it" in (await forms.get(client, letter.links["decline"])).text


async def test_a_draft_and_nothing_take_no_signatures(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await writing.campaign(instance, "secret", public=False)
    for slug in ("secret", "nowhere", "for%2fest", "forest@elsewhere.test"):
        answer = await forms.post(client, f"/campaigns/{slug}/signatures", forms.BOB)
        assert answer.status == 404


async def test_that_was_not_me_forgets_it(client: Client, instance: Instance, campaign: Campaign) -> None:
    await forms.sign(client)
    (letter,) = await letters.waiting(instance)
    assert "forget it" in (await forms.get(client, letter.links["decline"])).text
    done = await forms.post(client, letter.links["decline"], {})
    assert "You will not hear from us" in done.text
    again = await forms.post(client, letter.links["decline"], {})
    assert (again.status, again.text) == (done.status, done.text)
    assert (await forms.post(client, letter.links["confirm"], {})).status == 404
    assert (await forms.sign(client)).status == 303
    assert await letters.waiting(instance) == []


async def test_who_wants_no_letters_can_take_the_signature_back_too(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await forms.sign(client)
    (letter,) = await letters.waiting(instance)
    await forms.post(client, letter.links["confirm"], {})
    assert await total(client, clock) == 1
    await forms.post(client, letter.links["decline"], {"withdraw": "yes"})
    assert await total(client, clock) == 0


@pytest.mark.parametrize("language", ["en", "de", "fr", "it"])
async def test_the_letter_and_its_pages_are_in_the_language_of_the_form(
    client: Client, instance: Instance, campaign: Campaign, language: str
) -> None:
    answer = await forms.sign(client, lang=language)
    assert answer.location.endswith(f"?lang={language}")
    (letter,) = await letters.waiting(instance)
    assert letter.language == language
    for path in (answer.location, letter.links["confirm"], letter.links["decline"]):
        assert f'<html lang="{language}">' in (await forms.get(client, path)).text
    thanks = (await forms.post(client, letter.links["confirm"], {})).location
    assert f'<html lang="{language}">' in (await forms.get(client, thanks)).text


async def test_the_page_is_the_same_for_everybody_and_kept_by_caches(
    client: Client, campaign: Campaign
) -> None:
    first, second = [await forms.get(client, "/campaigns/forest") for _ in range(2)]
    assert first.text == second.text
    assert first.headers["Cache-Control"].startswith("public")
    assert "Set-Cookie" not in first.headers


async def share(client: Client, instance: Instance) -> str:
    """The page of Bob, who has signed and confirmed."""
    await forms.sign(client)
    (letter,) = await letters.waiting(instance)
    return (await forms.post(client, letter.links["confirm"], {})).location.partition("?")[0]


async def test_who_comes_through_a_link_is_counted_for_it(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    mine = await share(client, instance)
    page = await forms.get(client, mine)
    link = re.search(r'id="link"[^>]*value="([^"]+)"', page.text)
    assert link is not None
    came_by = urlsplit(link[1])
    assert came_by._replace(query="").geturl() == "https://ours.test/campaigns/forest"
    assert (await forms.get(client, f"{came_by.path}?{came_by.query}")).status == 200
    # Without a script the browser says by which address somebody came; with an error the form does.
    await forms.sign(client, mail="carol@mail.example", headers={"Referer": link[1]})
    wrong = await forms.post(
        client, "/campaigns/forest/signatures", forms.BOB | {"mail": ""}, Referer=link[1]
    )
    via = parse_qs(came_by.query)["via"][0]
    assert f'name="via" value="{via}"' in wrong.text
    await forms.sign(client, mail="dave@mail.example", via=via)
    await forms.sign(client, mail="eve@mail.example", via="nobodys")
    for letter in (await letters.waiting(instance))[1:]:
        await forms.post(client, letter.links["confirm"], {})
    assert "<strong>2 people</strong> have signed through your link" in (await forms.get(client, mine)).text


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("@bob@social.example", "social.example"),
        ("social.example", "social.example"),
        ("https://social.example/@bob", "social.example"),
        (" social.example:8443 ", "social.example:8443"),
    ],
)
async def test_a_post_is_written_on_ones_own_server(
    client: Client, instance: Instance, campaign: Campaign, written: str, host: str
) -> None:
    mine = await share(client, instance)
    async with client.get(f"{mine}/post", params={"server": written}, allow_redirects=False) as answer:
        assert answer.status == 303
        target = urlsplit(answer.headers["Location"])
    assert (target.scheme, target.netloc, target.path) == ("https", host, "/share")
    (text,) = parse_qs(target.query)["text"]
    assert text.startswith("Save the old forest\nhttps://ours.test/campaigns/forest?via=")


@pytest.mark.parametrize("written", ["", "bob", "@bob@", "javascript:alert(1)", "http://[", "a b.example"])
async def test_what_is_no_server_leads_nowhere(
    client: Client, instance: Instance, campaign: Campaign, written: str
) -> None:
    mine = await share(client, instance)
    async with client.get(f"{mine}/post", params={"server": written}, allow_redirects=False) as answer:
        assert answer.status == 422
        assert "That is no server" in await answer.text()


async def test_the_qr_code_is_a_picture_of_the_link(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    mine = await share(client, instance)
    async with client.get(f"{mine}/qr.svg") as answer:
        assert answer.headers["Content-Type"] == "image/svg+xml"
        assert (await answer.text()).startswith("<svg")


async def test_a_partner_collects_for_the_campaign_of_another(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    path = "clean-river@ally.test"
    async with instance.database.writing() as session:
        river = await alliances.foreign(
            session,
            alliances.ALLY,
            "Alpine Allies",
            "clean-river",
            {"en": ("Clean water", "")},
            now=clock.now(),
        )
        key = instance.seal.close(sketches.new_key())
        coalition = await alliances.coalition(
            session, river.actor_uri, foreign_id=river.id, sketch_key_sealed=key
        )
        await alliances.follow(session, alliances.ALLY, "Alpine Allies", now=clock.now())
    assert "/signatures" not in (await forms.get(client, f"/campaigns/{path}")).text
    async with instance.database.writing() as session:
        await alliances.member(
            session, coalition, alliances.OURS, "Friends of the Old Forest", now=clock.now()
        )
    clock.advance(2)
    page = await forms.get(client, f"/campaigns/{path}")
    assert "Alpine Allies may write to me" in page.text
    assert "Friends of the Old Forest may write to me" in page.text
    answer = await forms.sign(client, path, **{"consent-origin": "yes"})
    assert (answer.status, answer.location) == (303, f"/campaigns/{path}/signatures/sent?lang=en")
    assert (await forms.get(client, answer.location)).status == 200
    (letter,) = await letters.waiting(instance)
    assert "Clean water" in letter.subject
    thanks = await forms.post(client, letter.links["confirm"], {})
    shown = await forms.get(client, thanks.location)
    assert f"https://ours.test/campaigns/{path}?via=" in shown.text
    clock.advance(2)
    async with client.get(f"/api/campaigns/{path}/support") as counted:
        assert (await counted.json())["signatures"] == 1
    async with instance.database.reading() as session:
        (consent,) = await session.scalars(select(Consent))
    assert (consent.organisation_uri, consent.organisation_name) == (alliances.ALLY, "Alpine Allies")
