"""Waves of fakes are seen by network and mail domain, taken out of the count, and put back."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.people import invalidate
from storage import audit, signatures
from storage.coalition_models import Coalition, Signature
from storage.models import Campaign
from storage.moderation_models import Invalidation
from storage.trends import Selection, Span
from tests import forms, letters
from tests.clock import Clock
from tests.conftest import Client
from tests.web import desks, staff

DESK = "/admin/people"


def span(instance: Instance, back: timedelta = timedelta(days=1)) -> dict[str, str]:
    now = instance.now()
    return {"since": (now - back).isoformat(), "until": (now + timedelta(minutes=1)).isoformat()}


async def count(client: Client, clock: Clock) -> object:
    clock.advance(2)
    async with client.get("/api/campaigns/forest/support") as answer:
        document = await answer.json()
    assert document["signatures"] == sum(document["countries"].values())
    return document["signatures"]


async def recounted(instance: Instance) -> bool:
    async with instance.database.reading() as session:
        return all(each.agrees for each in await signatures.recount(session))


async def test_a_wave_stands_out_and_shows_nobody(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await desks.sign_up(instance, 12, domain="mail.example", network=desks.HOME)
    await desks.sign_up(instance, 40, domain="trash.example", network=desks.BOTS, confirmed=False)
    await desks.sign_up(instance, 2, domain="bob-miller.example", network=desks.HOME)
    clock.advance(3700)
    bob = await staff.come_in(client, instance, "moderator")
    assert 'href="/admin/people/forest?period=day"' in (await bob.get(DESK)).text
    page = (await bob.get(f"{DESK}/forest")).text
    bots = page.index("network 1a2b…")
    row = page[bots : page.index("</tr>", bots)]
    for mark in ("large share", "hardly confirmed", "burst"):
        assert mark in row
    home = page.index("network 3c4d…")
    assert "tag-wrong" not in page[home : page.index("</tr>", home)]
    assert "trash.example" in page
    # Somebody's own domain would be their name.
    assert "bob-miller" not in page
    assert "Mallory" not in page
    week = (await bob.get(f"{DESK}/forest?period=week")).text
    assert "Day by day" in week
    for path in (f"{DESK}/nothing", f"{DESK}/forest?period=year", f"{DESK}/x@y.test"):
        assert (await bob.get(path)).status == 404


async def test_fakes_go_after_a_look_and_come_back(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await desks.sign_up(instance, 5, domain="mail.example", network=desks.HOME, country="FR")
    await desks.sign_up(instance, 7, domain="trash.example", network=desks.BOTS)
    await desks.sign_up(instance, 3, domain="trash.example", network=desks.BOTS, confirmed=False)
    await desks.sign_up(instance, 1, domain="mail.example", network=desks.BOTS, country="FR")
    bob = await staff.come_in(client, instance, "moderator")
    await bob.get(f"{DESK}/forest")
    chosen = {"network": desks.BOTS.hex(), "domain": "trash.example", "match": "both"} | span(instance)
    page = (await bob.post(f"{DESK}/forest/preview", chosen)).text
    assert "Take out 10 signatures?" in page
    assert "13 → 6" in page
    assert "M. M." in page
    assert "Mallory" not in page
    assert await count(client, clock) == 13
    answer = await bob.post(f"{DESK}/forest/fakes", chosen)
    shown = (await bob.get(answer.place)).text
    assert "10 signatures taken out" in shown
    assert "Counted again, one by one: 6." in shown
    assert await count(client, clock) == 6
    assert await recounted(instance)
    await bob.post(answer.place.partition("?")[0] + "/restore")
    assert await count(client, clock) == 13
    assert await recounted(instance)
    async with instance.database.reading() as session:
        serials = list(await session.scalars(select(Signature.serial).where(Signature.state == "confirmed")))
        pending = list(await session.scalars(select(Signature.serial).where(Signature.state == "pending")))
        row = (await session.scalars(select(Invalidation))).one()
        written = [(each.deed, each.about) for each in (await audit.page(session, limit=10)).entries]
    assert len(set(serials)) == 13
    assert pending == [0, 0, 0]
    assert desks.BOTS.hex() not in row.wanted
    assert "trash.example" not in row.wanted
    assert [each for each in written if each[0] != "login"][::-1] == [
        ("fakes.begin", "forest"),
        ("fakes.done", "forest: 10"),
        ("fakes.restore", "forest: 10"),
    ]


async def test_any_network_or_domain_is_enough_unless_both_are_asked_for(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await desks.sign_up(instance, 4, domain="mail.example", network=desks.BOTS)
    await desks.sign_up(instance, 2, domain="trash.example", network=desks.HOME)
    await desks.sign_up(instance, 1, domain="mail.example", network=desks.HOME)
    clock.advance(3600)
    await desks.sign_up(instance, 8, domain="trash.example", network=desks.BOTS)
    bob = await staff.come_in(client, instance, "moderator")
    await bob.get(f"{DESK}/forest")
    both = {"network": desks.BOTS.hex(), "domain": "trash.example"}
    late = span(instance, timedelta(minutes=10))
    for chosen, number in (
        (both | span(instance), 14),
        (both | {"match": "both"} | span(instance), 8),
        (both | late, 8),
        ({"network": desks.HOME.hex()} | span(instance), 3),
        (span(instance), 15),
    ):
        page = (await bob.post(f"{DESK}/forest/preview", chosen)).text
        assert f"Take out {number} signatures?" in page
    warned = (await bob.post(f"{DESK}/forest/preview", span(instance))).text
    assert "these are all signatures of that time" in warned
    for chosen in (
        {"network": "00" * 32} | late,
        late | {"since": "yesterday"},
        {"since": late["until"], "until": late["since"]},
        late | {"since": "0001-01-01T00:00+23:59"},
    ):
        assert (await bob.post(f"{DESK}/forest/preview", chosen)).status == 422
    assert await count(client, clock) == 15


async def test_a_fake_signs_no_more_and_its_link_is_dead(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await forms.sign(client)
    (letter,) = await letters.waiting(instance)
    bob = await staff.come_in(client, instance, "moderator")
    await bob.get(f"{DESK}/forest")
    clock.advance(60)
    answer = await bob.post(f"{DESK}/forest/fakes", span(instance))
    assert (await forms.post(client, letter.links["confirm"], {})).status == 404
    clock.advance(60)
    assert (await forms.sign(client)).status == 303
    assert len(await letters.waiting(instance)) == 1
    assert await count(client, clock) == 0
    await bob.post(answer.place.partition("?")[0] + "/restore")
    assert (await forms.post(client, letter.links["confirm"], {})).status == 303
    assert await count(client, clock) == 1


async def test_what_was_interrupted_goes_on(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await desks.sign_up(instance, 6, domain="trash.example", network=desks.BOTS)
    here = Here.at(instance)
    async with instance.database.writing() as session:
        coalition = (await session.scalars(select(Coalition))).one()
        begun = await invalidate.start(
            session,
            here,
            Selection(
                Span(coalition.id, here.now - timedelta(hours=1), here.now + timedelta(hours=1)),
                networks=[desks.BOTS],
            ),
        )
        some = list(await session.scalars(select(Signature.id).limit(2)))
        assert await invalidate.some(session, here, begun, some) == 2
    bob = await staff.come_in(client, instance, "moderator")
    place = f"{DESK}/forest/fakes/{begun.id}"
    assert "This was interrupted" in (await bob.get(place)).text
    assert await count(client, clock) == 4
    await bob.post(f"{place}/go-on")
    assert "6 signatures taken out" in (await bob.get(place)).text
    assert await count(client, clock) == 0
    await bob.post(f"{place}/go-on")
    assert "6 signatures taken out" in (await bob.get(place)).text


async def test_many_are_taken_out_in_steps_while_others_sign(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    number = 2 * invalidate.AT_ONCE + 7
    await desks.sign_up(instance, 3, domain="mail.example", network=desks.HOME)
    await desks.sign_up(instance, number, domain="trash.example", network=desks.BOTS)
    bob = await staff.come_in(client, instance, "moderator")
    await bob.get(f"{DESK}/forest")
    answer = await bob.post(f"{DESK}/forest/fakes", {"domain": "trash.example"} | span(instance))
    assert f"{number:,} signatures taken out" in (await bob.get(answer.place)).text
    assert await count(client, clock) == 3
    await bob.post(answer.place.partition("?")[0] + "/restore")
    assert await count(client, clock) == number + 3
    assert await recounted(instance)


@pytest.mark.parametrize("role", ["reader"])
async def test_readers_see_no_trends(
    client: Client, instance: Instance, campaign: Campaign, role: str
) -> None:
    await desks.sign_up(instance, 6, domain="trash.example", network=desks.BOTS)
    bob = await staff.come_in(client, instance, role)
    assert DESK not in (await bob.get("/admin")).text
    for path in (DESK, f"{DESK}/forest", f"{DESK}/forest/fakes/1"):
        assert (await bob.get(path)).status == 403
    for path in ("preview", "fakes", "fakes/1/restore", "fakes/1/go-on"):
        assert (await bob.post(f"{DESK}/forest/{path}", span(instance))).status == 403
