"""Four processes that answer and four that work: what one is told all know, and it is done once."""

import asyncio
import re
import signal
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from fedicause.fediverse import recognise
from storage import actors, counts, signatures
from storage.database import Database
from storage.models import Delivery, Register, Wave
from tests import dialects, ours, signing
from tests.faults import audience, crowd, household, ordeal
from tests.faults.crowd import Neighbour
from tests.faults.household import BOB, FOREST, House, Member
from tests.faults.nursery import until
from tests.fediverse import Server
from tests.postbox import Postbox, open_postbox

EACH = 4
NEIGHBOURS = 40
WAVE = 60
FORMS = 20
AT_ONCE = 10
"""Forms that may come from one network together, where an hour has four times as many."""
_CONFIRM = re.compile(r"/confirm/[\w-]+")

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)


def neighbours(server: Server, number: int, name: str = "p") -> list[Neighbour]:
    """People with accounts there; a few keys among all, for making one is slow."""
    found = []
    for each in range(number):
        path = server.dialect.actor_path.format(name=f"{name}{each}", number=each, host=server.host)
        found.append(
            Neighbour(server, f"{name}{each}", server.base + path, server.dialect.scheme, "rsa", number=each)
        )
        found[-1].publish()
    return found


async def introduce(house: House, people: Sequence[Neighbour]) -> None:
    """Has ours know them and their keys, from some time ago."""
    async with ours.changing(house.given) as session:
        described = [recognise.describe(person.document) for person in people]
        await actors.remember(session, described, crowd.now() - timedelta(minutes=10))


async def say(house: House, person: Neighbour, verb: str, *to: int) -> list[int]:
    """Says it in one request, sent to all of these processes together."""
    word = person.word(verb, house)  # type: ignore[arg-type]
    person.words.append(word)
    request = person.signed(word.activity, f"{house.url}/inbox", at=person.moment())
    return await asyncio.gather(*(house.send(request, each) for each in to))


async def live(house: House, person: Neighbour) -> str:
    """Likes, at two processes with the same request; takes it back at another; thinks again at the next."""
    number = person.number
    # Whose key comes late is told 202 by both, and counts once all the same.
    assert sorted(await say(house, person, "like", number, number + 1)) in ([202, 401], [202, 202])
    if number % 2:
        assert await say(house, person, "undo", number + 2) == [202]
    if number % 4 == 1:
        assert await say(house, person, "like", number + 3) == [202]
    return person.uri if person.words[-1].present else ""


# Eight processes on two cores take their time to start.
@pytest.mark.timeout(240)
async def test_many_processes_are_one_instance(database_url: str, tmp_path: Path) -> None:
    limits = {"network_limit": str(4 * AT_ONCE), "wave": str(WAVE)}
    async with (
        open_postbox() as post,
        audience.listening() as followers,
        ordeal.elsewhere() as world,
        household.living(
            tmp_path, database_url, serving=EACH, working=EACH, smtp=post.url, **limits
        ) as house,
    ):
        await followers.follow(house.given, now=crowd.now())
        town, village, bots = [await world.server() for _ in range(3)]
        wave = neighbours(bots, WAVE + 10)
        people = [*neighbours(town, NEIGHBOURS // 2), *neighbours(village, NEIGHBOURS // 2)]
        await introduce(house, people[::2] + wave)
        news = tmp_path / "news.md"
        await asyncio.to_thread(news.write_text, "---\ntitle: News\n---\nThe forest still stands.\n")
        # When people endorse, sign and follow at all processes at once, and there are news
        said, signed, _ = await asyncio.gather(
            endorse(house, people, wave),
            sign_and_confirm(house, post),
            house.serving[0].command("campaign", "update", "forest", str(news)),
        )
        # Then all counts are right, at every process
        endorsers = sum(map(bool, said)) + WAVE

        async def counts_right(member: Member) -> bool:
            found = await member.support()
            return (found["endorsements"], found["signatures"]) == (endorsers, signed)

        assert await house.everywhere(counts_right, within=30), await house.serving[0].support()
        # And each inbox has heard of it once, each letter came once
        assert await until(lambda: not _untold(followers), within=30), _untold(followers)
        assert await until(lambda: _is_delivered(house), within=30)
        assert set(followers.taken().values()) == {1}
        assert set(Counter(post.addressees).values()) == {1}
        # And whatever one process learns, the others know
        await a_block_holds_everywhere(house, village)
        await a_new_key_is_learned_once(house, people[0])
        await a_liar_is_asked_about_by_all_together(house, people[2], await world.server())
        await passwords_are_guessed_by_all_together(house)
        # And they end as they should, with nothing broken
        members = (*house.serving, *house.working)
        assert set(await asyncio.gather(*(each.stop(signal.SIGTERM) for each in members))) == {0}
        assert [line for line in house.logs.splitlines() if " ERROR " in line or "Traceback" in line] == []
        await books_agree(house, bots)


async def endorse(house: House, people: Sequence[Neighbour], wave: Sequence[Neighbour]) -> list[str]:
    """Who endorses in the end; empty for who does not."""
    turn = asyncio.Semaphore(16)

    async def one(person: Neighbour) -> str:
        async with turn:
            return await live(house, person)

    async def bot(person: Neighbour) -> None:
        async with turn:
            assert await say(house, person, "like", person.number) == [202]

    said = await asyncio.gather(*map(one, people))
    await asyncio.gather(*map(bot, wave))
    return said


async def sign_and_confirm(house: House, post: Postbox) -> int:
    """How many have signed and confirmed: as many as one network may, and one from elsewhere."""
    # Given more forms than a network may send, in turns to every process
    forms = [BOB | {"mail": f"p{each}@m{each}.example", "altcha": house.proof()} for each in range(FORMS)]
    statuses = await asyncio.gather(
        *(house.form(f"{FOREST}/signatures", form, each) for each, form in enumerate(forms))
    )
    taken = statuses.count(303)
    # A quarter of an hour's refills in a quarter of an hour
    assert taken in (AT_ONCE, AT_ONCE + 1), statuses
    assert statuses.count(429) == FORMS - taken
    # And a proof that is spent at all of them at once
    form = BOB | {"mail": "carol@mail.example", "altcha": house.proof()}
    statuses = await asyncio.gather(
        *(house.form(f"{FOREST}/signatures", form, each, f"198.51.{each}.7") for each in range(EACH))
    )
    assert sorted(statuses) == [200] * (EACH - 1) + [303]
    # When all letters have come and each link is pressed at two processes at once
    assert await until(lambda: len(post.arrived) > taken, within=30), post.addressees
    links = [_CONFIRM.search(each.part("plain")) for each in post.arrived]
    pressed = await asyncio.gather(
        *(
            house.form(link[0], {}, number + other)
            for number, link in enumerate(links)
            for other in (0, 1)
            if link is not None
        )
    )
    assert set(pressed) == {303}
    return taken + 1


async def a_block_holds_everywhere(house: House, server: Server) -> None:
    stranger = neighbours(server, 1, name="stranger")
    await introduce(house, stranger)
    browser = await house.staff(1, "owner@ours.test", await house.hire("owner@ours.test"))
    assert await house.everywhere(lambda member: _answers(house, stranger[0], member, 202), within=5)
    await browser.get("/admin/moderation/blocks")
    answer = await browser.post("/admin/moderation/blocks", {"who": server.host, "reason": "spam"})
    await browser.client.close()
    assert answer.status == 303, answer.text
    assert await house.everywhere(lambda member: _answers(house, stranger[0], member, 403), within=1)


async def _answers(house: House, person: Neighbour, member: Member, status: int) -> bool:
    return await say(house, person, "follow", house.serving.index(member)) == [status]


async def a_new_key_is_learned_once(house: House, person: Neighbour) -> None:
    # Given that every process knows the old key
    for each in range(EACH):
        assert await say(house, person, "follow", each) == [202]
    old, shown = person.key, signing.target(person.uri)
    asked = person.server.fetches(shown)
    person.number += 1
    person.publish()
    # When one of them sees the new one
    assert await say(house, person, "follow", 0) == [202]

    async def refuses_the_old_one(member: Member) -> bool:
        word = person.word("follow", house)  # type: ignore[arg-type]
        request = person.signed(word.activity, f"{house.url}/inbox", key=old, at=person.moment())
        return await house.send(request, house.serving.index(member)) == 401

    # Then the others take no other any more, without having asked for it too
    assert await house.everywhere(refuses_the_old_one, within=1)
    for each in range(EACH):
        assert await say(house, person, "follow", each) == [202]
    assert person.server.fetches(shown) == asked + 1


async def a_liar_is_asked_about_by_all_together(house: House, person: Neighbour, victim: Server) -> None:
    said = {
        "@context": dialects.CONTEXT,
        "id": f"{victim.base}/likes/1",
        "type": "Like",
        "actor": f"{victim.base}/users/somebody",
        "object": house.note,
    }
    request = person.signed(said, f"{house.url}/inbox", at=person.moment())
    signature = request.header("signature") or ""
    named = [
        request.having("Signature", signature.replace(person.key.id, f"{victim.base}/keys/{each}"))
        for each in range(160)
    ]
    for start in range(0, len(named), 2 * EACH):
        group = named[start : start + 2 * EACH]
        statuses = await asyncio.gather(*(house.send(each, to) for to, each in enumerate(group)))
        assert set(statuses) == {401}
    # What was under way at all of them when the fiftieth failed besides.
    assert victim.fetches() <= 50 + 2 * EACH


async def passwords_are_guessed_by_all_together(house: House) -> None:
    statuses = [
        await house.form("/admin/login", {"email": "owner@ours.test", "password": "x" * 12}, each)
        for each in range(7)
    ]
    assert statuses == [422] * 5 + [429] * 2


async def books_agree(house: House, bots: Server) -> None:
    database = Database(house.given.database)
    async with database.reading() as session:
        assert [each for each in await counts.recount(session) if not each.agrees] == []
        assert [each for each in await signatures.recount(session) if not each.agrees] == []
        held = select(func.count()).select_from(Register).where(Register.held)
        assert await session.scalar(held) == 10
        assert WAVE + 10 in set(await session.scalars(select(Wave.endorsers)))
    await database.close()


def _untold(followers: audience.Audience) -> list[str]:
    return [inbox for inbox, news in followers.heard().items() if not news]


async def _is_delivered(house: House) -> bool:
    database = Database(house.given.database)
    try:
        async with database.reading() as session:
            is_waiting = (Delivery.ended_at.is_(None), Delivery.host != audience.NOBODY)
            return not await session.scalar(select(func.count()).where(*is_waiting))
    finally:
        await database.close()
