"""People who sign by the form and confirm: through the front door, with the work that a browser proves."""

import asyncio
import base64
import json
import os
import sqlite3
import statistics
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import altcha
from sqlalchemy import select

from bench import coalitions, instance, load
from fedicause import app, mail, settings
from fedicause.instance import Instance
from fedicause.seal import Seal
from fedicause.web import gather, guard, render
from fedicause.web.translations import Choice
from storage.columns import to_milliseconds
from storage.people_models import Letter

PEOPLE: Final = 3000
AT_ONCE: Final = 64
PAGES: Final = 100
_PATH: Final = "/campaigns/call0"
_FORM: Final = "name={name}&mail={mail}&country=DE&shown=nothing&altcha={proof}"


def commits(seconds: float = 1.0) -> float:
    """Durable commits of one row in a second, made as our database makes them."""
    with instance.bench() as bench:
        database = sqlite3.connect(bench.data / "limit.db", isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, value BLOB)")
        number, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            database.execute("INSERT INTO rows (value) VALUES (?)", (os.urandom(32),))
            number += 1
        taken = time.perf_counter() - began
        database.close()
    return number / taken


def signing() -> tuple[float, float]:
    """Forms taken in a second (a signature that waits, and its letter), and confirmations."""
    with instance.bench() as bench:
        loaded = settings_of(bench)
        forms = asyncio.run(forms_of(bench, loaded, range(PEOPLE)))
        with bench.serving("--no-work"):
            taken = load.send(bench.port, forms, connections=AT_ONCE).expect("303")
            confirmations = [_post(bench.port, path, "") for path in asyncio.run(_links(loaded))]
            assert len(confirmations) == PEOPLE
            confirmed = load.send(bench.port, confirmations, connections=AT_ONCE).expect("303")
        counted = bench.run("support", "call0", "--json")
        assert json.loads(counted)["signatures"] == PEOPLE
    return taken.rate, confirmed.rate


def pages() -> tuple[float, float]:
    """Microseconds for the page of a campaign, read and rendered, with few signatures and with many."""
    with instance.bench() as one, instance.bench() as other:
        one.run("sign", "call0", "--count", str(coalitions.FEW))
        other.run("sign", "call0", "--count", str(coalitions.FEW))
        asyncio.run(coalitions.sign(other.data, coalitions.MANY - coalitions.FEW))
        few, many = asyncio.run(render_each(settings_of(one), settings_of(other)))
    return few, many


def settings_of(bench: instance.Bench) -> settings.Settings:
    return settings.load(bench.environment, dotenv=bench.data / "no.env")


async def forms_of(bench: instance.Bench, loaded: settings.Settings, people: range) -> list[bytes]:
    """Each with a proof of its own, of work that was not done: whoever has the secret knows the answers."""
    async with app.open_instance(loaded) as ours:
        proofs = [_proof(ours.seal) for _ in people]
    return [
        _post(
            bench.port,
            f"{_PATH}/signatures",
            _FORM.format(
                name=f"Somebody+{number}", mail=f"somebody{number}%40mail.example", proof=quote(proof)
            ),
        )
        for number, proof in zip(people, proofs, strict=True)
    ]


def _proof(seal: Seal) -> str:
    until = to_milliseconds(datetime.now(UTC) + guard.PROOF_FOR)
    challenge = altcha.create_challenge(
        guard.ALGORITHM,
        guard.COST,
        counter=0,
        data={"for": _PATH, "until": until},
        hmac_secret=guard.challenge_key(seal),
    )
    solution = altcha.solve_challenge(challenge)
    assert solution is not None
    solved = altcha.Payload(challenge, solution)
    return base64.b64encode(json.dumps(solved.to_dict()).encode()).decode()


async def _links(loaded: settings.Settings) -> list[str]:
    """Where the letters lead to."""
    async with app.open_instance(loaded) as ours, ours.database.reading() as session:
        rows = await session.scalars(select(Letter.content_sealed))
        return [_link(ours, sealed) for sealed in rows]


def _link(ours: Instance, sealed: bytes) -> str:
    text = mail.unsealed(ours.seal, sealed).composed.text
    start = text.index(f"{ours.settings.url}/confirm/") + len(ours.settings.url)
    return text[start:].split()[0]


def _post(port: int, path: str, body: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nSec-Fetch-Site: same-origin\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def render_each(*loaded: settings.Settings) -> list[float]:
    """Of each instance, in turns, so that what else the machine does strikes all alike."""
    taken: list[list[float]] = [[] for _ in loaded]
    choice = Choice("en", ("en",), None)
    async with AsyncExitStack() as stack:
        instances = [await stack.enter_async_context(app.open_instance(each)) for each in loaded]
        for _ in range(PAGES):
            for ours, times in zip(instances, taken, strict=True):
                began = time.perf_counter()
                view = await gather.campaign(ours, "call0")
                html = render.page(
                    "campaign.html", choice, view=view, site=view.site, path=_PATH, attempt=None, signing=None
                )
                times.append((time.perf_counter() - began) * 1e6)
                assert "oaks" in html
    return [statistics.median(times) for times in taken]
