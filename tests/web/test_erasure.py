"""What is held about somebody: taken along as a file, and erased."""

import json

from fedicause.instance import Instance
from storage import signatures, traces
from storage.coalition_models import Signature
from storage.models import Campaign
from storage.people_models import Consent, Door, Letter, Person, Pledge, ShareLink
from storage.tables import Base
from tests import forms, letters, own_page
from tests.clock import Clock
from tests.conftest import Client
from tests.web import writing

BOB = "bob@mail.example"


def columns() -> set[tuple[str, str]]:
    """Every column, under its name in an export, of the tables that hold something about Bob."""
    return {
        (table.name, column.name.removesuffix("_sealed"))
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if table.name in own_page.TABLES_OF_BOB
    }


async def test_the_export_has_everything_that_the_tables_have(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await own_page.sign(client, instance, reason="I swim there.", **{"consent-own": "yes"})
    await own_page.sign(client, instance, mail="carol@mail.example", reason="Carol's own")
    path = await own_page.door(client, instance)
    async with client.get(f"{path}/export") as answer:
        assert answer.headers["Content-Disposition"] == 'attachment; filename="ours.test.json"'
        assert answer.headers["Cache-Control"] == "no-store"
        found = json.loads(await answer.text())
    told = {(table, column) for table, listed in found["tables"].items() for row in listed for column in row}
    assert told == columns()
    tables = found["tables"]
    assert tables["people"][0]["address"] == BOB
    assert tables["pledges"][0]["reason"] == "I swim there."
    assert tables["pledges"][0]["details"]["name"] == "Bob Miller"
    assert tables["consents"][0]["organisation_name"] == "Friends of the Old Forest"
    assert {each["content"]["to"] for each in tables["letters"]} == {BOB}
    assert found["campaigns"][0]["page"] == "https://ours.test/campaigns/forest"
    assert "arol" not in json.dumps(found)


async def test_erasing_leaves_nothing_that_leads_to_the_person(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await writing.campaign(instance, "river", title="Clean the river")
    before = await own_page.contents(instance)
    thanks = await own_page.sign(client, instance, reason="I swim there.", **{"consent-own": "yes"})
    await own_page.sign(client, instance, "river", name="Robert Miller")
    token = thanks.rpartition("/")[2]
    path = await own_page.door(client, instance)
    (person,) = await own_page.rows(instance, Person)
    items = [each.item for each in await own_page.rows(instance, Signature)]
    assert (await forms.get(client, f"{path}/erase")).status == 200
    # Who came by Bob's link has signed for himself.
    await own_page.sign(client, instance, mail="carol@mail.example", via=token)
    assert await own_page.counted(client, clock) == 2
    answer = await forms.post(client, f"{path}/erase", {})
    assert answer.status == 200
    assert "Everything is erased" in answer.text
    assert path not in answer.text
    assert await own_page.counted(client, clock) == 1
    assert await own_page.counted(client, clock, "river") == 0
    assert [each.domain for each in await own_page.rows(instance, Person)] == ["mail.example"]
    assert {each.to for each in await letters.waiting(instance)} == {"carol@mail.example"}
    (pledge,) = await own_page.rows(instance, Pledge)
    assert pledge.link_id is None
    assert await own_page.rows(instance, Consent) == []
    assert await own_page.rows(instance, Door) == []
    assert not {each.item for each in await own_page.rows(instance, Signature)} & set(items)
    assert person.blind not in {each.blind for each in await own_page.rows(instance, Person)}
    async with instance.database.reading() as session:
        assert await traces.of(session, person.id) == {}
        assert all(each.agrees for each in await signatures.recount(session))
    for gone in (thanks, path, f"{path}/erase", f"{path}/export"):
        assert (await forms.get(client, gone)).status == 404
    assert (await forms.post(client, f"{path}/erase", {})).status == 404
    # Carol erases what is left: then it is as before anybody signed.
    await forms.post(client, f"{await own_page.door(client, instance, 'carol@mail.example')}/erase", {})
    after = await own_page.contents(instance)
    # How much of an hour's forms a network has sent is known by a keyed hash, for that hour.
    counts = {"coalitions", "country_counts", "meters", "seen_signatures"}
    assert {name for name in after if after[name] != before[name]} <= counts
    await own_page.sign(client, instance)
    assert await own_page.counted(client, clock) == 1


async def test_every_table_that_leads_to_a_person_is_found(instance: Instance) -> None:
    async with instance.database.reading() as session:
        found = await traces.tables(session)
    leading = {
        table.name
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table.name in {"people", "pledges", "signatures"}
    }
    assert leading | {"people", "signatures"} <= set(found)
    assert {Letter.__tablename__, ShareLink.__tablename__} <= set(found)
