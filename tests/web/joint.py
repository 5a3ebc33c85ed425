"""What admins of a coalition around the campaign `forest` do, and what each of them sees."""

import json
import secrets
from collections.abc import Iterable
from typing import Any

import aiohttp
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from federation import sketches, vocabulary
from fedicause import keyring, partners, publish, sign
from fedicause.coalition import joining, mirror
from fedicause.here import Here
from fedicause.partners import Applicant
from storage import coalitions, local_actors, members
from storage.coalition_models import Coalition, Member
from storage.models import Activity
from tests.coalitions import Home, settle


def here(home: Home) -> Here:
    return Here.at(home.instance)


def page(home: Home, origin: Home) -> str:
    """The path of the campaign's page at this organisation."""
    return "/campaigns/forest" if home is origin else f"/campaigns/forest@{origin.host}"


async def join(partner: Home, origin: Home, *, accept: bool = True) -> None:
    """The partner asks to join, and the origin's admin says yes."""
    await ask(partner, origin)
    await settle(origin, partner)
    if accept:
        await answer(origin, partner, is_accepted=True)
        await settle(origin, partner)


async def ask(partner: Home, origin: Home) -> None:
    copy = await mirror.look(partner.instance, origin.urls.note("forest"))

    async def work(session: AsyncSession) -> None:
        campaign = await mirror.store(session, partner.instance, copy, partner.clock.now())
        await joining.join(session, here(partner), campaign)

    await partner.change(work)


async def answer(origin: Home, partner: Home, *, is_accepted: bool) -> None:
    verb = partners.accept if is_accepted else partners.refuse

    async def work(session: AsyncSession) -> None:
        await verb(session, here(origin), (await row_of(session, origin, partner)).id)

    await origin.change(work)


async def remove(origin: Home, partner: Home) -> None:
    async def work(session: AsyncSession) -> None:
        await partners.remove(session, here(origin), (await row_of(session, origin, partner)).id)

    await origin.change(work)


async def leave(partner: Home, origin: Home) -> None:
    async def work(session: AsyncSession) -> None:
        campaign = await joining.campaign_at(session, "forest", origin.host)
        await joining.leave(session, here(partner), campaign)

    await partner.change(work)


async def invite(origin: Home, guest: Home) -> None:
    applicant = Applicant(guest.actor, guest.name, f"{guest.actor}/inbox")

    async def work(session: AsyncSession) -> None:
        await partners.invite(session, here(origin), await publish.find(session, "forest"), applicant)

    await origin.change(work)


async def answer_invitation(guest: Home, *, is_accepted: bool) -> None:
    async def work(session: AsyncSession) -> None:
        member = await row_of(session, guest, guest)
        await joining.answer_invitation(session, here(guest), member.id, is_accepted=is_accepted)

    await guest.change(work)


async def sign_at(home: Home, number: int, country: str = "IT") -> list[bytes]:
    """So many people sign with this organisation; returns what stands for their addresses."""

    async def work(session: AsyncSession) -> list[bytes]:
        coalition = await coalition_at(session)
        assert coalition.sketch_key_sealed is not None
        key = home.instance.seal.open(coalition.sketch_key_sealed)
        items = [sketches.item(key, f"{secrets.token_hex(8)}@people.example") for _ in range(number)]
        await sign.confirm(session, coalition.id, dict.fromkeys(items, country), now=home.clock.now())
        return items

    return await home.change(work)


async def withdraw_at(home: Home, items: Iterable[bytes]) -> None:
    async def work(session: AsyncSession) -> None:
        coalition = await coalition_at(session)
        await sign.withdraw(session, coalition.id, list(items), own_uri=home.actor, now=home.clock.now())

    await home.change(work)


async def tell(*homes: Home) -> None:
    """One after the other tells its tally and passes on those of others; all of that is delivered."""
    for home in homes:
        home.clock.advance(home.instance.settings.tally_every.total_seconds())
        await home.comparer.tell()
        await settle(*homes)


async def talk(*homes: Home) -> None:
    """Everybody tells their tallies, and hears those of the others."""
    for _ in range(2):
        await tell(*homes)


async def compare(*homes: Home) -> None:
    """Each compares what it knows with its partners, once."""
    for home in homes:
        # What somebody read of it a moment ago is not shown to the next for long.
        home.clock.advance(2)
        await home.comparer.round()
    await settle(*homes)


async def state(home: Home, whose: Home) -> str | None:
    """How this organisation sees the membership of one."""
    found = await member(home, whose)
    return found.state if found else None


async def member(home: Home, whose: Home) -> Member | None:
    async def work(session: AsyncSession) -> Member | None:
        return await members.of(session, (await coalition_at(session)).id, whose.actor)

    return await home.look(work)


async def coalition(home: Home) -> Coalition:
    return await home.look(coalition_at)


async def coalition_at(session: AsyncSession) -> Coalition:
    """The coalition around `forest`, wherever that is."""
    for each in await coalitions.every(session):
        if each.campaign_uri.endswith("/actors/forest"):
            return each
    raise AssertionError("no coalition")


async def support(home: Home, origin: Home) -> dict[str, Any]:
    """What the API says."""
    home.clock.advance(2)
    found: dict[str, Any] = await home.get(f"/api{page(home, origin)}/support", accept="application/json")
    return found


async def seen(home: Home, origin: Home) -> dict[str, int]:
    """Signatures by host."""
    return {each["host"]: each["signatures"] for each in (await support(home, origin))["hosts"]}


async def states(home: Home, origin: Home) -> dict[str, str]:
    """How each host is marked where the support is shown."""
    return {each["host"]: each["state"] for each in (await support(home, origin))["hosts"]}


async def roster(home: Home, origin: Home) -> dict[str, Any]:
    return await document(home, f"{page(home, origin)}/partners")


async def tallies(home: Home, origin: Home) -> dict[str, dict[str, Any]]:
    """The newest known tallies by author."""
    found = await document(home, f"{page(home, origin)}/tallies")
    return {each["attributedTo"]: each for each in found["items"]}


async def evidence(home: Home, origin: Home) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await document(home, f"{page(home, origin)}/evidence"))["items"]
    return found


async def document(home: Home, path: str) -> dict[str, Any]:
    """What this path gives to anybody, a moment later."""
    home.clock.advance(2)
    found: dict[str, Any] = await home.get(path)
    return found


async def status(home: Home, path: str, **headers: str) -> tuple[int, str | None]:
    """How this path is answered, and its ETag."""
    accept = {"Accept": vocabulary.ACTIVITY_JSON, **headers}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{home.url}{path}", headers=accept, allow_redirects=False) as found,
    ):
        return found.status, found.headers.get("ETag")


async def shared(home: Home) -> list[str]:
    """The Notes that the organisation's outbox says it shared."""
    home.clock.advance(60)
    outbox = await home.get(f"{home.actor}/outbox")
    newest = await home.get(outbox["first"])
    return [each["object"] for each in newest["orderedItems"] if each["type"] == "Announce"]


def embedded(home: Home, kind: str) -> list[Any]:
    """The objects of the activities of this type that came, in order."""
    posted = [json.loads(each.body) for each in home.asked if each.method == "POST"]
    return [each["object"] for each in posted if each["type"] == kind]


async def seen_by_both(origin: Home, partner: Home) -> tuple[str | None, str | None]:
    return await state(origin, partner), await state(partner, partner)


async def said_last(home: Home, kind: str) -> dict[str, Any]:
    """The last activity of this type that the organisation sent."""
    document = await home.look(
        lambda session: session.scalar(
            select(Activity.document).where(Activity.type == kind).order_by(Activity.id.desc()).limit(1)
        )
    )
    found: dict[str, Any] = json.loads(document or "")
    return found


async def repeat(home: Home, other: Home, document: dict[str, Any]) -> None:
    """Sends an activity that its queue does not have, and hears the answer."""
    _, organisation = await home.look(local_actors.organisation)
    key = keyring.signing_key(organisation, home.instance.seal, home.urls)
    inbox = f"{other.urls.actor('forest')}/inbox"
    answer = await home.instance.remote.deliver(inbox, json.dumps(document).encode(), key)
    assert answer.status == 202
    await settle(other, home)


async def row_of(session: AsyncSession, home: Home, whose: Home) -> Member:
    found = await members.of(session, (await coalition_at(session)).id, whose.actor)
    assert found is not None
    return found
