"""How support grew and where it came from: pictures that read as tables too."""

import json
import re
from datetime import UTC, timedelta
from xml.etree import ElementTree as ET

from sqlalchemy import select

from fedicause.campaigning import history
from fedicause.instance import Instance
from storage import campaigns, coalitions
from storage import history as kept
from storage.models import Campaign
from storage.people_models import ShareLink
from tests import letters
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.forms import get, post, sign
from tests.web import staff


async def signed(client: Client, instance: Instance, **fields: str) -> None:
    assert (await sign(client, **fields)).status == 303
    letter = (await letters.waiting(instance, fields.get("mail", "bob@mail.example")))[-1]
    assert (await post(client, f"/confirm/{letter.token()}", {"lang": "en"})).status == 303


async def remember(instance: Instance, days: int, *, hosts: dict[str, int] | None = None) -> None:
    """Days before today, each with one signature more."""
    today = instance.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    async with instance.database.writing() as session:
        ours = await campaigns.by_slug(session, "forest")
        assert ours is not None
        coalition = await coalitions.of_campaign(session, ours.id)
        assert coalition is not None
        points = [
            kept.Point(
                coalition.id,
                today - timedelta(days=days - at),
                0,
                at,
                0,
                json.dumps(hosts or {"ours.test": at}),
            )
            for at in range(days)
        ]
        await kept.put(session, points)


def table(text: str, caption: str) -> list[list[str]]:
    """The rows of the table with this caption, as text."""
    found = re.search(rf"<caption[^>]*>{caption}</caption>(.*?)</table>", text, re.DOTALL)
    assert found is not None, caption
    cells = r"<t[hd][^>]*>(.*?)</t[hd]>"
    return [
        [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.findall(cells, row, re.DOTALL)]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", found[1], re.DOTALL)
    ]


async def test_support_over_time_is_a_picture_and_a_table(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await signed(client, instance)
    await remember(instance, 3)
    clock.advance(5)
    page = await get(client, "/campaigns/forest/progress")
    assert page.status == 200
    assert table(page.text, "Support over time")[1:] == [
        ["21 November 2026", "1", "-1"],
        ["20 November 2026", "2", "1"],
        ["19 November 2026", "1", "1"],
        ["18 November 2026", "0", "0"],
    ]
    assert page.text.count('<svg class="plot') == 2
    assert 'role="img" aria-label="Support over time: 1"' in page.text
    assert "style=" not in page.text
    assert table(page.text, "Support by organisation")[1][:2] == ["Friends of the Old Forest ours.test", "1"]


async def test_what_is_kept_of_each_day_comes_into_the_chart(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await signed(client, instance)
    await history.keep(instance)
    clock.advance(86_400)
    await signed(client, instance, mail="carol@mail.example")
    rows = table((await get(client, "/campaigns/forest/progress")).text, "Support over time")
    assert [row[1:] for row in rows[1:]] == [["2", "1"], ["1", "1"]]


async def test_a_long_campaign_is_no_long_page(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await signed(client, instance)
    await remember(instance, 900)
    page = (await get(client, "/campaigns/forest/progress?lang=de")).text
    assert len(table(page, "Unterstützung im Verlauf")) <= 42
    assert len(page) < 60_000


async def test_each_chart_is_a_file_for_a_report(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    for number in range(10):
        await signed(client, instance, mail=f"m{number}@mail.example")
    await remember(instance, 4, hosts={"ours.test": 5, '<script>"&': 3})
    words = {
        "growth": "Le soutien au fil du temps",
        "organisations": "Friends of the Old Forest",
        "countries": "Allemagne",
    }
    for name, word in words.items():
        answer = await get(client, f"/campaigns/forest/progress/{name}.svg?lang=fr")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "image/svg+xml"
        drawn = ET.fromstring(answer.text)  # noqa: S314 - our own
        assert drawn.get("role") == "img"
        assert drawn[0].tag.endswith("title")
        assert word in answer.text
    assert (await get(client, "/campaigns/forest/progress/nothing.svg")).status == 404


async def test_the_staff_see_where_support_came_from(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse, clock: Clock
) -> None:
    await signed(client, instance)
    async with instance.database.reading() as session:
        link = (await session.scalars(select(ShareLink))).one()
    await signed(client, instance, mail="carol@mail.example", via=link.token)
    bob = await staff.come_in(client, instance, "reader")
    page = await bob.get("/admin/campaigns/forest/charts")
    assert page.status == 200
    rows = table(page.text, "Where support comes from")
    assert [row[:2] for row in rows[1:]] == [
        ["Your page and what embeds it", "1"],
        ["Links that people passed on 1 link led to a signature", "1"],
        ["Endorsements ☆", "0"],
    ]
    assert link.token not in page.text
    assert '<a href="/admin/campaigns/forest/charts" aria-current="page">' in page.text
    for address in ("nothing", "forest@elsewhere.test"):
        assert (await bob.get(f"/admin/campaigns/{address}/charts")).status == 404


async def test_charts_of_what_is_not_public_are_not_there(client: Client, campaign: Campaign) -> None:
    for address in ("nothing", "forest@elsewhere.test", "forest%20x"):
        assert (await get(client, f"/campaigns/{address}/progress")).status == 404
        assert (await get(client, f"/campaigns/{address}/progress/growth.svg")).status == 404
    # One day alone is no line.
    assert (await get(client, "/campaigns/forest/progress/growth.svg")).status == 404
