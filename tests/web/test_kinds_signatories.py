"""Who signed is shown as each of them chose, and nobody else."""

import re
from typing import Any

import pytest
from sqlalchemy import event, text, update
from sqlalchemy.engine import Engine

from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.people import signatories
from fedicause.signing import pledge
from fedicause.web import gather
from storage.models import Campaign
from storage.people_models import Pledge
from tests import forms
from tests.clock import Clock
from tests.conftest import Client
from tests.web import supporters

_NAMES = re.compile(r"<li><bdi>([^<]*)</bdi></li>")


async def page(client: Client, path: str) -> str:
    answer = await forms.get(client, path)
    assert answer.status == 200
    return answer.text


async def listed(client: Client, clock: Clock, path: str = "/campaigns/forest/signatories") -> list[str]:
    clock.advance(2)
    return _NAMES.findall(await page(client, path))


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("Bob Miller", "B. M."),
        ("Jean-Luc  Picard", "J.-L. P."),
        ("“Ede” 3", "E."),
        ("Élodie o'Neil", "É. O."),
    ],
)
def test_initials(name: str, initials: str) -> None:
    assert signatories.initials(name) == initials


async def test_everybody_is_shown_as_they_chose_once_they_confirmed(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    waiting = await supporters.sign(
        client, instance, "forest", "ann@a.example", name="Ann <i>A</i>", shown="name"
    )
    await supporters.signs(client, instance, "forest", "bob@a.example", name="Bob Berg", shown="initials")
    await supporters.signs(client, instance, "forest", "cy@a.example", name="Cy Secret", shown="nothing")
    assert await listed(client, clock) == ["B. B."]
    await supporters.confirm(client, waiting)
    assert await listed(client, clock) == ["Ann &lt;i&gt;A&lt;/i&gt;", "B. B."]
    for path in ("/campaigns/forest", "/campaigns/forest/signatories"):
        shown = await page(client, path)
        assert "Ann &lt;i&gt;A" in shown
        assert "Berg" not in shown
        assert "Secret" not in shown


async def test_who_takes_the_signature_back_is_gone_from_every_page(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    path = await supporters.signs(client, instance, "forest", "ann@a.example", name="Ann Aha", shown="name")
    assert await listed(client, clock) == ["Ann Aha"]
    await forms.post(client, path.replace("/confirm/", "/decline/"), {"withdraw": "yes"})
    assert await listed(client, clock) == []
    assert "Ann Aha" not in await page(client, "/campaigns/forest")


async def test_a_fake_is_named_nowhere(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await supporters.signs(client, instance, "forest", "ann@a.example", name="Ann Aha", shown="name")
    assert await listed(client, clock) == ["Ann Aha"]
    async with instance.database.writing() as session:
        await session.execute(text("UPDATE signatures SET state = 'invalid'"))
    assert await listed(client, clock) == []


async def test_many_names_are_read_page_by_page_each_once(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    names = [f"Person {number}" for number in range(450)]
    await supporters.many(instance, "forest", names)
    clock.advance(2)
    assert len(_NAMES.findall(await page(client, "/campaigns/forest"))) == 12
    path, sizes, found = "/campaigns/forest/signatories", [], []
    while path:
        text = await page(client, path)
        part = _NAMES.findall(text)
        sizes.append(len(part))
        found += part
        older = re.search(r'rel="next" href="([^"]+)"', text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert sizes == [200, 200, 50]
    assert sorted(found) == sorted(names)
    back = re.search(r'rel="prev" href="([^"]+)"', text)
    assert back is not None
    assert len(_NAMES.findall(await page(client, back[1]))) == 200
    for query in ("?before=x", "?after=-1", "?before=" + "9" * 30):
        assert (await forms.get(client, f"/campaigns/forest/signatories{query}")).status == 404


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_page_looks_at_no_more_signatures_than_it_shows(
    instance: Instance, campaign: Campaign
) -> None:
    await supporters.many(instance, "forest", [f"Person {number}" for number in range(30)])
    asked: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if statement.startswith("SELECT") and ("FROM signatures" in statement or "pledges" in statement):
            asked[statement] = parameters

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await gather.campaign(instance, "forest")
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    plans = []
    async with instance.database.reading() as session:
        connection = await session.connection()
        for statement, parameters in asked.items():
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append(" · ".join(str(row[3]) for row in rows))
    assert any("ix_signatures_named" in plan for plan in plans)
    assert any("ix_pledges_heard" in plan for plan in plans)
    for plan in plans:
        assert "SCAN signatures" not in plan
        assert "ix_signatures_coalition_id" not in plan
        assert "TEMP B-TREE" not in plan


async def test_reasons_are_shown_once_a_moderator_allowed_them_with_as_much_name_as_was_chosen(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    for name, shown in (("Ann Aha", "name"), ("Bob Berg", "initials"), ("Cy Secret", "nothing")):
        mail = f"{name[0].lower()}@a.example"
        reason = f"I am {shown}.\n\n<script>"
        await supporters.signs(client, instance, "forest", mail, name=name, shown=shown, reason=reason)
    clock.advance(2)
    assert "I am " not in await page(client, "/campaigns/forest")
    async with instance.database.writing() as session:
        await session.execute(update(Pledge).values(reason_state="allowed"))
    clock.advance(2)
    text = await page(client, "/campaigns/forest")
    said = re.findall(
        r'<blockquote class="prose"><p>I am (\w+)\.</p><p>&lt;script&gt;</p></blockquote>', text
    )
    assert sorted(said) == ["initials", "name", "nothing"]
    assert text.count("Ann Aha") == 2
    assert "Berg" not in text
    assert "Somebody who has signed" in text
    assert "Secret" not in text


async def test_names_of_somebody_who_signs_again_after_a_withdrawal_follow_the_new_wish(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    path = await supporters.signs(client, instance, "forest", "ann@a.example", name="Ann Aha", shown="name")
    here = Here.at(instance)
    async with instance.database.writing() as session:
        await pledge.decline(session, here, path.split("/")[2].partition("?")[0], withdraw=True)
        await session.execute(text("UPDATE people SET declined_at = NULL"))
    await supporters.signs(client, instance, "forest", "ann@a.example", name="Ann Aha", shown="nothing")
    assert await listed(client, clock) == []


async def test_a_draft_and_nothing_have_no_such_pages(client: Client, campaign: Campaign) -> None:
    for address in ("nowhere", "for%2fest", "forest@elsewhere.test"):
        for page_of in ("signatories", "debate", "organisations/1/logo"):
            assert (await forms.get(client, f"/campaigns/{address}/{page_of}")).status == 404
