"""People at the organisation's own site: readers, and those who sign by the form and confirm."""

import asyncio
import json
import random
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from bench import signing
from bench.soak.caller import Caller
from bench.soak.peers import Post
from bench.soak.site import SLUG, Site
from fedicause.seal import Seal

READERS: Final = 4
SIGNERS: Final = 3
PAGES: Final = (
    ("page", f"/campaigns/{SLUG}", "text/html"),
    ("page", "/", "text/html"),
    ("json", f"/api/campaigns/{SLUG}/support", "application/json"),
    ("json", f"/campaigns/{SLUG}", "application/activity+json"),
    ("json", f"/actors/{SLUG}/followers", "application/activity+json"),
)
AGAIN_AFTER: Final = (0.3, 1.2)
LETTER_WITHIN: Final = 340.0
"""Longer than the lease that whoever was killed has left on a letter."""


@dataclass
class Signer:
    """Somebody with an address. What was answered to the form, and to the confirmation."""

    address: str
    posts: int = 0
    is_taken: bool = False
    confirmations: int = 0
    is_confirmed: bool = False


@dataclass
class Visitors:
    site: Site
    caller: Caller
    post: Post
    seal: Seal
    chance: random.Random
    signers: list[Signer] = field(default_factory=list)
    unexpected: list[tuple[str, int, str]] = field(default_factory=list)
    posted: list[str] = field(default_factory=list)
    """The ids of the Notes with news that the command line has posted."""
    is_over: bool = False
    _confirming: set[asyncio.Task[None]] = field(default_factory=set)

    async def live(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(READERS):
                group.create_task(self._read())
            for _ in range(SIGNERS):
                group.create_task(self._sign())
            group.create_task(self._publish())

    async def settle(self) -> None:
        """Until everybody whose letter comes has confirmed."""
        if self._confirming:
            await asyncio.wait(self._confirming, timeout=LETTER_WITHIN)

    async def _read(self) -> None:
        while not self.is_over:
            what, path, accept = self.chance.choice(PAGES)
            status, body = await self.caller.call(what, "GET", path, headers={"Accept": accept})
            if status not in {0, 200} and status < 500:
                self.unexpected.append((path, status, body.decode(errors="replace")[:200]))
            await asyncio.sleep(self.chance.uniform(0.01, 0.2))

    async def _sign(self) -> None:
        while not self.is_over:
            signer = Signer(f"somebody{len(self.signers)}@mail.example")
            self.signers.append(signer)
            await self._send_form(signer)
            if signer.is_taken:
                task = asyncio.create_task(self._confirm(signer))
                self._confirming.add(task)
                task.add_done_callback(self._confirming.discard)
            await asyncio.sleep(self.chance.uniform(0.3, 1.2))

    async def _send_form(self, signer: Signer) -> None:
        while not signer.is_taken:
            proof = await asyncio.to_thread(signing._proof, self.seal)
            form = (
                f"name=Somebody&mail={quote(signer.address)}&country=DE&shown=nothing&altcha={quote(proof)}"
            )
            signer.posts += 1
            status = await self._post("form", f"/campaigns/{SLUG}/signatures", form)
            signer.is_taken = status == 303
            if not signer.is_taken and (0 < status < 500 or self.chance.random() < 0.3):
                return

    async def _confirm(self, signer: Signer) -> None:
        try:
            async with asyncio.timeout(LETTER_WITHIN), self.post.arrived:
                await self.post.arrived.wait_for(lambda: signer.address in self.post.links)
        except TimeoutError:
            return  # found missing in the end
        tried = ""
        while not signer.is_confirmed:
            link = self.post.links[signer.address]
            if link == tried:
                await asyncio.sleep(0.5)
                continue
            signer.confirmations += 1
            status = await self._post("confirmation", link, "")
            # Whoever got no answer may find that it is done already.
            signer.is_confirmed = status in {200, 303}
            if status == 404 and signer.posts > 1:
                # Who had no answer to the form and sent it again: the second letter's link is the good one.
                tried = link
            elif not signer.is_confirmed and 0 < status < 500:
                return

    async def _post(self, what: str, path: str, form: str) -> int:
        status, body = await self.caller.call(
            what,
            "POST",
            path,
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Sec-Fetch-Site": "same-origin",
            },
            body=form.encode(),
        )
        if 0 < status < 500 and status not in ({200, 303, 404} if what == "confirmation" else {200, 303}):
            self.unexpected.append((what, status, re.sub(r"\s+", " ", body.decode(errors="replace"))[:200]))
        if status in {0, 503}:
            await asyncio.sleep(self.chance.uniform(*AGAIN_AFTER))
        return status

    async def _publish(self) -> None:
        path = self.site.data / "news.md"
        number = 0
        while not self.is_over:
            number += 1
            text = f"---\ntitle: News {number}\n---\nThe oaks still stand.\n"
            await asyncio.to_thread(path.write_text, text)
            status, printed = await self.site.command("campaign", "update", SLUG, str(path))
            found = re.search(r"Posted: (\S+)", printed)
            if status == 0 and found:
                self.posted.append(found[1])
            await asyncio.sleep(8)


async def shown(caller: Caller) -> dict[str, int]:
    """What the API says of the campaign."""
    _, body = await caller.call("json", "GET", f"/api/campaigns/{SLUG}/support")
    found: dict[str, int] = json.loads(body)
    return found
