"""Somebody with a mailbox, who signs at a running server and follows the links in its letters."""

import asyncio
import re

import aiohttp
import altcha

from tests.postbox import Postbox
from tests.process import Process, eventually

_LINK = re.compile(r"https?://[^/\s]+(/(?:confirm|me)/[\w-]+)")


class Reader:
    """Reads what arrives at the mail server, whoever it is for."""

    def __init__(self, process: Process, post: Postbox) -> None:
        self._process = process
        self._post = post
        self._session = aiohttp.ClientSession()

    async def __aenter__(self) -> "Reader":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str) -> str:
        async with self._session.get(self._process.url + path) as answer:
            return await answer.text()

    async def send(self, path: str, **fields: str) -> str:
        """Sends a form; the page that it leads to."""
        async with self._session.post(self._process.url + path, data=fields) as answer:
            text = await answer.text()
            assert answer.status == 200, (path, answer.status, text)
            return text

    async def prove_and_send(self, form: str, action: str, **fields: str) -> str:
        """The same with work proven for the form at `form`."""
        async with self._session.get(f"{self._process.url}{form}/challenge") as answer:
            asked = altcha.Challenge.from_dict(await answer.json())
        solution = await asyncio.to_thread(altcha.solve_challenge, asked)
        assert solution is not None
        return await self.send(action, **fields, altcha=altcha.Payload(asked, solution).to_base64())

    async def sign(self, campaign: str, **fields: str) -> None:
        """Signs at this path, and confirms."""
        known = len(self._post.arrived)
        await self.prove_and_send(campaign, f"{campaign}/signatures", **fields)
        await self.send(await self.link(known, "confirm"))

    async def link(self, number: int, kind: str) -> str:
        """The link of this kind in the letter of this number (from 0), once that has come."""

        async def has_come() -> bool:
            return len(self._post.arrived) > number

        await eventually(has_come, within=20)
        text = self._post.arrived[number].part("plain")
        return next(path for path in _LINK.findall(text) if path.startswith(f"/{kind}/"))
