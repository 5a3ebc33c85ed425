"""`python -m bench fuzz [--inputs N]`: a million inputs, over HTTP, and what came of them."""

import argparse
import asyncio
import hashlib
import json
import os
import random
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import uvloop
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from bench import instance, limits, signing
from bench.fuzzing import drive, guided, inputs
from bench.fuzzing.inputs import Inputs, Signer
from fedicause import app, settings
from fedicause.staffing import login
from storage import actors, sessions
from storage.actors import Description
from storage.columns import from_milliseconds
from storage.database import Database
from storage.staff_models import User

CAMPAIGNS: Final = {
    "call0": ("petition", ""),
    "letter": ("open-letter", ""),
    "park": ("consultation", "options: [Trees, Cars]\n"),
    "helpers": ("pledge", "roles: [Cook, Drive]\n"),
}
_VARIABLE: Final = re.compile(r"\{(\w+)(?::[^{}]*(?:\{[^{}]*\}[^{}]*)*)?\}")
_FILLED: Final = (
    "call0",
    "call0@ours.test",
    "1",
    "org",
    "replies",
    "allow",
    "accept",
    "again",
    "en",
    "likes",
    "x",
)


def main(arguments: list[str]) -> None:
    asked = argparse.ArgumentParser(prog="python -m bench fuzz", description=__doc__)
    asked.add_argument("--inputs", type=int, default=1_000_000)
    asked.add_argument("--seed", type=int, default=None)
    asked.add_argument(
        "--parsers", action="store_true", help="only what reads strangers' bytes, guided by coverage"
    )
    asked.add_argument("--seconds", type=int, default=60, help="for each parser")
    asked.add_argument(
        "--minutes", type=float, default=60.0, help="at most; what was not sent by then is not"
    )
    given = asked.parse_args(arguments)
    if given.parsers:
        sys.exit(guided.everything(given.seconds))
    seed = secrets.randbelow(1 << 32) if given.seed is None else given.seed
    with tempfile.TemporaryDirectory(prefix="fedicause-fuzz-") as directory:
        served = Served(Path(directory))
        print(f"seed {seed}", flush=True)
        served.make()
        made = served.inputs(random.Random(seed))
        found = served.run(made, given.inputs, given.minutes * 60)
    sys.exit(not show(found))


class Served:
    """An instance as in production, made for this."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = instance.free_port()
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FEDICAUSE_")},
            "FEDICAUSE_URL": f"https://{inputs.HOST}",
            "FEDICAUSE_DATA": str(directory),
        }

    def make(self) -> None:
        self._do(
            "init",
            "--name",
            "Friends of the Old Forest",
            "--handle",
            "org",
            "--admin-email",
            "alice@ours.test",
        )
        for slug, (kind, more) in CAMPAIGNS.items():
            path = self._directory / f"{slug}.md"
            path.write_text(
                instance.CALL.format(slug=slug).replace("kind: petition", f"kind: {kind}\n{more}".strip())
            )
            self._do("campaign", "new", str(path))
            self._do("campaign", "publish", slug)

    def inputs(self, chance: random.Random) -> Inputs:
        return asyncio.run(self._inputs(chance))

    def run(self, made: Inputs, number: int, seconds: float) -> dict[str, Any]:
        report = self._directory / "report.json"
        command = [sys.executable, "-m", "bench.fuzzing.watched", str(self._port), str(report)]
        process = subprocess.Popen(command, env=self._environment)  # noqa: S603
        try:
            limits.wait_for(self._port)
            began = time.monotonic()
            found = uvloop.run(drive.drive(self._port, made, number, process.pid, seconds))
            found["seconds"] = time.monotonic() - began
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)
        return found | json.loads(report.read_text())

    def _do(self, *arguments: str) -> None:
        subprocess.run(  # noqa: S603
            [instance.COMMAND, *arguments], env=self._environment, check=True, capture_output=True
        )

    async def _inputs(self, chance: random.Random) -> Inputs:
        loaded = settings.load(self._environment, dotenv=self._directory / "no.env")
        token = secrets.token_urlsafe(32)
        people = [
            Signer(f"https://social{number % 8}.test/users/u{number}", Ed25519PrivateKey.generate())
            for number in range(inputs.PEOPLE)
        ]
        async with app.open_instance(loaded) as ours:
            await _know(ours.database, people)
            now = datetime.now(UTC)
            async with ours.database.writing() as session:
                user = await session.scalar(select(User))
                assert user is not None
                await sessions.add(
                    session, token=hashlib.sha256(token.encode()).digest(), user_id=user.id, is_half=False,
                    now=now, expires_at=now + timedelta(days=1),
                )  # fmt: skip
            web = app.web_app(ours)
            routes = [
                (route.method, path)
                for route in web.router.routes()
                if route.resource is not None
                for path in _filled(route.resource.canonical, route.resource.get_info().get("pattern"))
            ]
            proofs = [signing._proof(ours.seal) for _ in range(2000)]
        return Inputs(people, routes, token, login.csrf(token), proofs, await _tokens(loaded), chance)


def _filled(canonical: str, pattern: re.Pattern[str] | None) -> list[str]:
    """The path with everything that fits in the place of each variable; a token stays, for later."""
    found = [canonical]
    while any(_VARIABLE.search(each.replace("{token}", "")) for each in found):
        found = [
            _VARIABLE.sub(value, each.replace("{token}", "\0"), count=1).replace("\0", "{token}")
            for each in found
            for value in _FILLED
        ]
    fitting = [
        each
        for each in found
        if pattern is None or pattern.fullmatch(each.replace("{token}", "1." + "x" * 32))
    ]
    fitting += [
        each for each in found if pattern is not None and pattern.fullmatch(each.replace("{token}", "x" * 32))
    ]
    return sorted(set(fitting))[:12]


async def _tokens(loaded: settings.Settings) -> list[str]:
    """Nothing was signed yet: links as they look."""
    return [secrets.token_urlsafe(24) for _ in range(8)]


async def _know(database: Database, people: list[Signer]) -> None:
    described = [
        Description(
            uri=each.uri, host=each.uri.split("/")[2], type="Person", handle=each.uri.rpartition("/")[2],
            name="Somebody", url=each.uri, inbox=f"{each.uri}/inbox", shared_inbox=None, moved_to=None,
            keys=((f"{each.uri}#main-key", _pem(each.key)),),
        )
        for each in people
    ]  # fmt: skip
    async with database.writing() as session:
        await actors.remember(session, described, from_milliseconds(0))


def _pem(key: Ed25519PrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def show(found: dict[str, Any]) -> bool:
    """Prints it; whether nothing failed."""
    number = sum(found["statuses"].values())
    print(f"{number:,} inputs in {found['seconds']:.0f} s ({number / found['seconds']:,.0f}/s)")
    print(f"processor: {found['processor']:.0f} s for the server, {time.process_time():.0f} s for the sender")
    print("statuses: " + ", ".join(f"{status} {count:,}" for status, count in found["statuses"].items()))
    for kind, count in found["by_kind"].items():
        print(f"  {kind:24}{count:>10,}")
    print(f"the event loop stood still for {found['longest'] * 1000:.0f} ms at most")
    print(f"over 100 ms: {len(found['stalls'])}")
    for each in sorted(found["stalls"], key=lambda each: -each["seconds"])[:20]:
        print(f"  {each['seconds'] * 1000:.0f} ms: {each['at']}")
    print(f"the longest pass of the garbage collector: {found['collected'] * 1000:.0f} ms")
    stopped = [each for each in found["pauses"] if each > 0.1]
    print("the machine itself stood still for over 100 ms: " + (", ".join(map(str, stopped)) or "never"))
    memory = found["memory"]
    print(f"memory: {memory[0]} MB at first, {max(memory)} MB at most, {memory[-1]} MB in the end")
    for name, count in found["errors"]:
        print(f"  {count:>6} x {name}")
        if name in found["tracebacks"]:
            print(found["tracebacks"][name])
    for name, data in found["failures"].items():
        print(f"FAILED {name}\n  {data}")
    failed = sum(count for status, count in found["statuses"].items() if status.startswith("5"))
    print(f"5xx: {failed}; unanswered after {drive.ANSWERED_WITHIN:.0f} s: {found['hung']}")
    return not (failed or found["hung"] or found["stalls"] or found["errors"])
