"""Somebody fills in the form to sign with: as a browser does with its script, or without."""

import asyncio
import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import altcha
from multidict import CIMultiDictProxy

from tests.conftest import Client

BOB = {"name": "Bob Miller", "mail": "bob@mail.example", "country": "DE", "lang": "en"}
BROWSER = {"Accept": "text/html", "Accept-Language": "en"}


@dataclass(frozen=True)
class Answer:
    """What came back; redirects are not followed."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str

    @property
    def location(self) -> str:
        return self.headers["Location"]

    def hidden(self) -> dict[str, str]:
        """The fields of the page's last form that nobody sees."""
        form = self.text.rpartition("<form")[2]
        found = re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)"', form)
        return {name: unescape(value) for name, value in found}


async def get(client: Client, path: str, **headers: str) -> Answer:
    async with client.get(path, headers=BROWSER | headers, allow_redirects=False) as answer:
        return Answer(answer.status, answer.headers, await answer.text())


async def post(client: Client, path: str, fields: dict[str, str], **headers: str) -> Answer:
    async with client.post(path, data=fields, headers=BROWSER | headers, allow_redirects=False) as answer:
        return Answer(answer.status, answer.headers, await answer.text())


async def challenge(client: Client, campaign: str = "forest") -> dict[str, Any]:
    async with client.get(f"/campaigns/{campaign}/challenge") as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        return dict(await answer.json())


async def solved(client: Client, campaign: str = "forest") -> str:
    """What the script puts into the form, as altcha's own solver finds it."""
    asked = altcha.Challenge.from_dict(await challenge(client, campaign))
    solution = await asyncio.to_thread(altcha.solve_challenge, asked)
    assert solution is not None
    return altcha.Payload(asked, solution).to_base64()


async def sign(
    client: Client, campaign: str = "forest", headers: dict[str, str] | None = None, **more: str
) -> Answer:
    """Sends the form with a proof of work; `more` are fields that differ from Bob's."""
    fields = BOB | {"altcha": await solved(client, campaign)} | more
    return await post(client, f"/campaigns/{campaign}/signatures", fields, **(headers or {}))
