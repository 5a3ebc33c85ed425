"""Bob on his own page: how he signs, asks for the link, and finds his forms there."""

import asyncio
import re
from typing import Any

import altcha
from sqlalchemy import func, select

from fedicause.instance import Instance
from storage.tables import Base
from tests import forms, letters
from tests.clock import Clock
from tests.conftest import Client

TABLES_OF_BOB = ("people", "pledges", "signatures", "consents", "doors", "letters", "share_links")


async def sign(client: Client, instance: Instance, campaign: str = "forest", **fields: str) -> str:
    """Signs and confirms; the page that thanks for it."""
    mail = fields.get("mail", forms.BOB["mail"])
    known = len(await letters.waiting(instance, mail))
    answer = await forms.sign(client, campaign, None, **fields)
    assert answer.status == 303, answer.text
    letter = (await letters.waiting(instance, mail))[known]
    return (await forms.post(client, letter.links["confirm"], {})).location.partition("?")[0]


async def solved(client: Client) -> str:
    """Work for the form that asks for one's page."""
    async with client.get("/me/challenge") as answer:
        asked = altcha.Challenge.from_dict(dict(await answer.json()))
    solution = await asyncio.to_thread(altcha.solve_challenge, asked)
    assert solution is not None
    return altcha.Payload(asked, solution).to_base64()


async def ask(client: Client, mail: str = "bob@mail.example", **more: str) -> forms.Answer:
    """Sends that form with a proof of work."""
    return await forms.post(client, "/me?lang=en", {"mail": mail, "altcha": await solved(client)} | more)


async def door(client: Client, instance: Instance, mail: str = "bob@mail.example") -> str:
    """The path of the page that a mailed link leads to, without its query."""
    assert (await ask(client, mail)).status == 303
    letter = [each for each in await letters.waiting(instance, mail) if each.kind == "page"][-1]
    return letter.links["me"].partition("?")[0]


def entries(page: forms.Answer) -> list[str]:
    """The signatures on the page, as HTML each."""
    return re.findall(r'<article class="me-entry".*?</article>', page.text, re.DOTALL)


def number(entry: str) -> str:
    """By which the forms name a signature."""
    found = re.search(r'id="entry-(\d+)"', entry)
    assert found is not None
    return found[1]


async def only(client: Client, path: str) -> str:
    """The number of the one signature on the page."""
    (entry,) = entries(await forms.get(client, path))
    return number(entry)


async def counted(client: Client, clock: Clock, campaign: str = "forest") -> object:
    clock.advance(2)
    async with client.get(f"/api/campaigns/{campaign}/support") as answer:
        return (await answer.json())["signatures"]


async def rows(instance: Instance, table: type) -> list[Any]:
    async with instance.database.reading() as session:
        return list(await session.scalars(select(table)))


async def contents(instance: Instance) -> dict[str, int]:
    """How many rows each table has."""
    async with instance.database.reading() as session:
        return {
            table.name: await session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }
