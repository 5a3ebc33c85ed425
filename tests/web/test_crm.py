"""The organisation's own system is told who agreed to be written to, who took that back, and who is gone."""

import csv
import hmac
import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from msgspec.structs import replace
from sqlalchemy import select

from fedicause import app, rounds, settings
from fedicause.instance import Instance
from storage import audit
from storage.models import Campaign
from storage.people_models import Webhook
from tests import conftest, databases, letters, ours
from tests.clock import Clock
from tests.conftest import Client
from tests.door import Door
from tests.fediverse import Fediverse, Server
from tests.forms import post, sign
from tests.web import staff

SECRET = "a secret that both sides know"
AGREED = {"consent-own": "yes"}
WHY = {"reason": "The newsletter of December"}


@pytest.fixture
async def crm(fediverse: Fediverse) -> Server:
    """The membership system of the Friends of the Old Forest."""
    return await fediverse.server("crm.test")


@pytest.fixture
async def instance(
    initialised_url: str,
    templates: databases.Templates,
    tmp_path: Path,
    clock: Clock,
    fediverse: Fediverse,
    crm: Server,
) -> AsyncIterator[Instance]:
    given = ours.settings_for(initialised_url, tmp_path, secret=templates.secret)
    telling = replace(given, crm_url="https://crm.test/hook?org=1", crm_secret=SECRET)
    async with app.open_instance(telling, now=clock.now, **fediverse.doors) as opened:
        yield opened


@pytest.fixture
async def client(instance: Instance) -> AsyncIterator[Client]:
    async with TestClient(Door(conftest.application(instance))) as opened:
        yield opened


async def signed(client: Client, instance: Instance, **fields: str) -> letters.Read:
    """Somebody signs and confirms; gives the letter."""
    assert (await sign(client, **fields)).status == 303
    letter = (await letters.waiting(instance, fields.get("mail", "bob@mail.example")))[-1]
    assert (await post(client, f"/confirm/{letter.token()}", {"lang": "en"})).status == 303
    return letter


async def door(client: Client, instance: Instance, clock: Clock) -> str:
    """The path of Bob's own page: whoever signs again gets a letter that leads there."""
    clock.advance(60)
    assert (await sign(client, **AGREED)).status == 303
    return (await letters.waiting(instance, "bob@mail.example"))[-1].links["me"].partition("?")[0]


async def rows(instance: Instance) -> list[Webhook]:
    async with instance.database.reading() as session:
        return list(await session.scalars(select(Webhook).order_by(Webhook.id)))


async def test_who_agreed_is_told_of_once_they_confirmed_and_nobody_else(
    client: Client, instance: Instance, campaign: Campaign, crm: Server
) -> None:
    await sign(client, name="Carol", mail="carol@mail.example", **AGREED)
    await signed(client, instance, name="Dora", mail="dora@mail.example")
    await signed(client, instance, reason="For the owls", **AGREED)
    await rounds.tell_crm(instance)
    (told,) = crm.received
    at = f"{instance.now():%Y-%m-%dT%H:%M:%SZ}"
    assert {name: told[name] for name in told if name not in {"id", "person"}} == {
        "type": "consent.given",
        "at": at,
        "mail": "bob@mail.example",
        "name": "Bob Miller",
        "country": "DE",
        "language": "en",
        "campaign": "https://ours.test/campaigns/forest",
        "given": at,
    }
    (row,) = await rows(instance)
    assert (row.outcome, row.content_sealed) == ("sent", b"")
    # Nothing is told twice without need.
    await rounds.tell_crm(instance)
    assert len(crm.received) == 1


async def test_it_can_be_checked_who_tells(
    client: Client, instance: Instance, campaign: Campaign, crm: Server
) -> None:
    await signed(client, instance, **AGREED)
    await rounds.tell_crm(instance)
    request = crm.asked[0].request
    assert request.url == "https://crm.test/hook?org=1"
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", request.header("Fedicause-Signature") or "")
    assert found is not None
    assert int(found[1]) == int(instance.now().timestamp())
    expected = hmac.new(SECRET.encode(), found[1].encode() + b"." + (request.body or b""), "sha256")
    assert found[2] == expected.hexdigest()
    assert request.header("Fedicause-Event") == crm.received[0]["id"]


@pytest.mark.parametrize("status", [500, 302])
async def test_what_does_not_arrive_is_sent_again_under_the_same_id(
    client: Client, instance: Instance, campaign: Campaign, crm: Server, clock: Clock, status: int
) -> None:
    await signed(client, instance, **AGREED)
    crm.status = status
    await rounds.tell_crm(instance)
    assert (await rows(instance))[0].last_error == f"answered {status}"
    crm.status = None
    await rounds.tell_crm(instance)
    assert len(crm.received) == 1
    clock.advance(60)
    await rounds.tell_crm(instance)
    assert [each["id"] for each in crm.received] == [crm.received[0]["id"]] * 2
    assert (await rows(instance))[0].outcome == "sent"


async def test_what_nobody_takes_for_two_weeks_is_given_up_and_forgotten(
    client: Client, instance: Instance, campaign: Campaign, crm: Server, clock: Clock
) -> None:
    await signed(client, instance, **AGREED)
    await crm.stop()
    await rounds.tell_crm(instance)
    assert (await rows(instance))[0].outcome is None
    clock.advance(15 * 86_400)
    await rounds.tell_crm(instance)
    (row,) = await rows(instance)
    assert (row.outcome, row.content_sealed) == ("expired", b"")
    clock.advance(16 * 86_400)
    await rounds.sweep_up(instance)
    assert await rows(instance) == []


async def test_a_consent_taken_back_is_told_after_it_was_given_even_if_that_is_late(
    client: Client, instance: Instance, campaign: Campaign, crm: Server, clock: Clock
) -> None:
    letter = await signed(client, instance, **AGREED)
    crm.status = 503
    await rounds.tell_crm(instance)
    assert (await post(client, f"/decline/{letter.token('decline')}", {"lang": "en"})).status in {200, 303}
    crm.status = None
    # The withdrawal is due, but what comes before it is not yet.
    await rounds.tell_crm(instance)
    assert len(crm.received) == 1
    clock.advance(120)
    await rounds.tell_crm(instance)
    assert [each["type"] for each in crm.received[1:]] == ["consent.given", "consent.withdrawn"]
    assert len({each["person"] for each in crm.received}) == 1


async def test_whoever_is_erased_here_is_to_be_erased_there(
    client: Client, instance: Instance, campaign: Campaign, crm: Server, clock: Clock
) -> None:
    await signed(client, instance, **AGREED)
    await rounds.tell_crm(instance)
    page = await door(client, instance, clock)
    answer = await post(client, f"{page}/erase", {"lang": "en", "sure": "yes"})
    assert answer.status in {200, 303}, answer.text
    await rounds.tell_crm(instance)
    given, gone = crm.received
    assert (gone["type"], gone["mail"]) == ("person.erased", "bob@mail.example")
    assert gone["person"] == given["person"]
    # And nothing of them stays here.
    assert all(row.content_sealed == b"" for row in await rows(instance))


async def test_what_was_not_told_before_an_erasure_never_is(
    client: Client, instance: Instance, campaign: Campaign, crm: Server, clock: Clock
) -> None:
    await signed(client, instance, **AGREED)
    page = await door(client, instance, clock)
    await post(client, f"{page}/erase", {"lang": "en", "sure": "yes"})
    await rounds.tell_crm(instance)
    assert [each["type"] for each in crm.received] == ["person.erased"]


async def test_nothing_is_queued_where_nobody_listens(
    client: Client, instance: Instance, campaign: Campaign, templates: databases.Templates, clock: Clock
) -> None:
    silent = replace(instance, settings=replace(instance.settings, crm_url=None))
    async with TestClient(Door(conftest.application(silent))) as opened:
        await signed(opened, silent, **AGREED)
    assert await rows(instance) == []


async def test_the_address_book_is_sealed_while_it_waits(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await signed(client, instance, **AGREED)
    (row,) = await rows(instance)
    for value in vars(row).values():
        assert b"bob@mail.example" not in str(value).encode()
    assert json.loads(instance.seal.open(row.content_sealed))["mail"] == "bob@mail.example"


async def test_no_inner_network_is_told_anything(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse, crm: Server
) -> None:
    fediverse.names.names["crm.test"] = [["10.0.0.7"]]
    await signed(client, instance, **AGREED)
    await rounds.tell_crm(instance)
    assert crm.asked == []
    assert ((await rows(instance))[0].last_error or "").startswith("ForbiddenAddress")


async def test_who_may_be_written_to_is_a_list(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await signed(client, instance, name="@Bob", **AGREED)
    await signed(client, instance, name="Dora", mail="dora@mail.example")
    letter = await signed(client, instance, name="Eve", mail="eve@mail.example", **AGREED)
    await post(client, f"/decline/{letter.token('decline')}", {"lang": "en"})
    alice = await staff.come_in(client, instance, "campaigner")
    assert (await alice.get("/admin/people/consents")).status == 200
    assert (await alice.post("/admin/people/consents.csv")).status == 422
    answer = await alice.post("/admin/people/consents.csv", WHY)
    assert list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff")))) == [
        {
            "name": "'@Bob",
            "mail": "bob@mail.example",
            "country": "DE",
            "language": "en",
            "campaign": "https://ours.test/campaigns/forest",
            "given": f"{instance.now():%Y-%m-%d}",
        }
    ]
    async with instance.database.reading() as session:
        latest = (await audit.page(session, limit=1)).entries[0]
    assert (latest.deed, latest.about) == ("consents.csv", WHY["reason"])
    bob = await staff.come_in(client, instance, "moderator")
    assert (await bob.get("/admin/people/consents")).status == 403
    assert (await bob.post("/admin/people/consents.csv", WHY)).status == 403


@pytest.mark.parametrize(
    "given",
    [
        {"FEDICAUSE_CRM_URL": "http://crm.test/", "FEDICAUSE_CRM_SECRET": SECRET},
        {"FEDICAUSE_CRM_URL": "https://crm.test/"},
        {"FEDICAUSE_CRM_URL": "https://crm.test/", "FEDICAUSE_CRM_SECRET": "short"},
        {"FEDICAUSE_CRM_URL": "crm", "FEDICAUSE_CRM_SECRET": SECRET},
    ],
)
def test_what_is_told_where_is_set_right_or_not_at_all(given: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(settings.Misconfigured, match="FEDICAUSE_CRM"):
        settings.load({"FEDICAUSE_URL": "https://a.test", **given}, dotenv=tmp_path / "no")
