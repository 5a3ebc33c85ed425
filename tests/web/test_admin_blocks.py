"""Who is blocked is heard no more; lists of blocks come in and go out."""

import html
import re

from fedicause.instance import Instance
from storage import audit, blocks, models
from storage.models import Campaign
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.web import alliances, staff
from tests.web.test_admin_moderation import DESK, NOTE, endorsements, replied, states, ticked

LIST = '''#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate
spam.example,suspend,false,false,"sells ""likes""",false
Bücher.example,suspend,false,false,,false
loud.example,silence,true,false,noise,false
calm.example,noop,false,false,,false
sub.known.example,suspend,false,false,,false
ally.test,suspend,false,false,rivals,false
e***l.example,suspend,false,false,,true
com,suspend,false,false,,false
ours.test,suspend,false,false,,false
'''


async def blocked(instance: Instance) -> dict[str, str]:
    async with instance.database.reading() as session:
        return {each.target: each.reason for each in await blocks.listed(session)}


async def test_a_list_shows_what_it_would_change_before_it_does(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    async with instance.database.writing() as session:
        await blocks.add(session, "known.example", "", instance.now())
        await alliances.follow(session, alliances.ALLY, "Alpine Allies", now=instance.now())
    bob = await staff.come_in(client, instance, "moderator")
    await bob.get(f"{DESK}/blocks")
    page = (await bob.post(f"{DESK}/blocks/preview", {"list": LIST})).text
    assert "2 servers would be blocked" in page
    assert "xn--bcher-kva.example" in page
    assert "2 servers that others only limit" in page
    assert "Partners, or whom you follow" in page
    assert "3 lines can’t be taken" in page
    assert list(await blocked(instance)) == ["known.example"]
    kept = _unescaped(page)
    await bob.post(f"{DESK}/blocks/import", {"kept": kept, "milder": "yes"})
    found = await blocked(instance)
    assert set(found) == {
        "known.example",
        "spam.example",
        "xn--bcher-kva.example",
        "loud.example",
        "calm.example",
    }
    assert found["spam.example"] == 'sells "likes"'
    for broken in ("", "[]", "{}", '[{"ours.test/../x y":""},{},{}]', "[[[]]]", "[" * 3000):
        assert (await bob.post(f"{DESK}/blocks/import", {"kept": broken})).status in {303, 400}
    await bob.post(f"{DESK}/blocks/import", {"kept": '[{"ours.test":"x","test":"x"},{},{}]'})
    assert await blocked(instance) == found


def _unescaped(page: str) -> str:
    found = re.search(r'name="kept" value="([^"]*)"', page)
    assert found
    return html.unescape(found[1])


async def test_our_list_can_be_read_again_and_holds_no_formula(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    given = {"a.example": "=1+1", "b.example": "@you, and\nus", "https://c.example/users/eve": "one account"}
    async with instance.database.writing() as session:
        await blocks.add_many(session, given, instance.now())
    bob = await staff.come_in(client, instance, "moderator")
    plain = await bob.get(f"{DESK}/blocks.csv")
    assert plain.text.splitlines() == [
        LIST.splitlines()[0],
        "a.example,suspend,false,false,,false",
        "b.example,suspend,false,false,,false",
    ]
    full = (await bob.get(f"{DESK}/blocks.csv?reasons=yes")).text
    assert "a.example,suspend,false,false,'=1+1,false" in full
    async with instance.database.writing() as session:
        await session.delete(await session.get_one(models.Block, "a.example"))
    await bob.get(f"{DESK}/blocks")
    page = (await bob.post(f"{DESK}/blocks/preview", {"list": full})).text
    assert "1 server would be blocked" in page
    await bob.post(f"{DESK}/blocks/import", {"kept": _unescaped(page)})
    assert (await blocked(instance))["a.example"] == "=1+1"
    reader = await staff.come_in(client, instance, "reader")
    assert (await reader.get(f"{DESK}/blocks.csv")).status == 403


async def test_who_is_blocked_is_heard_no_more_and_what_they_said_goes(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse, clock: Clock
) -> None:
    people = await replied(fediverse, "carol", "dave")
    people["erin"] = await people["carol"].server.person("erin")
    for person in people.values():
        await person.like(NOTE)
    bob = await staff.come_in(client, instance, "moderator")
    await bob.get(f"{DESK}/blocks")
    for who, said in (
        ("", "neither a server"),
        ("com", "neither a server"),
        ("a b", "neither a server"),
        ("ours.test", "your own server"),
        ("@nobody@carol.test", "can’t be found"),
    ):
        answer = await bob.post(f"{DESK}/blocks", {"who": who, "reason": "x"})
        assert (answer.status, said in answer.text) == (422, True), who
    await bob.post(f"{DESK}/blocks", {"who": "@dave@carol.test", "all": "yes"})
    assert await blocked(instance) == {people["dave"].uri: ""}
    assert await states(instance) == ["pending", "hidden"]
    assert await endorsements(client, clock) == 2
    assert (await people["dave"].like(NOTE)).status == 403
    assert (await people["erin"].undo()).status == 202
    await bob.post(f"{DESK}/blocks", {"who": "carol.test", "reason": "spam", "all": "yes"})
    assert await states(instance) == ["hidden", "hidden"]
    assert await endorsements(client, clock) == 0
    clock.advance(60)
    assert (await people["carol"].like(NOTE)).status == 403
    page = (await bob.get(f"{DESK}/blocks?q=carol")).text
    await bob.post(f"{DESK}/blocks/remove", {"target": ticked(page, "target")})
    assert await blocked(instance) == {}
    clock.advance(60)
    assert (await people["carol"].like(NOTE)).status == 202
    async with instance.database.reading() as session:
        written = [each.about for each in (await audit.page(session, limit=50)).entries]
    assert not any("dave" in about for about in written)
