"""What a server that nobody has asked for anything does not hold in memory."""

import asyncio
import re
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from federation import transport
from tests.process import Process, eventually

# What each costs is in docs/bench.md.
NOT_WHILE_IDLE = frozenset(
    {
        "PIL",
        "aiosmtplib",
        "alembic",
        "altcha",
        "argon2",
        "asyncpg",
        "babel",
        "datasketches",
        "dns",
        "fedicause.backup",
        "fedicause.commands.campaigns",
        "fedicause.demo",
        "fedicause.doctor",
        "fedicause.staffing.staff",
        "fedicause.watching.metrics",
        "fedicause.web.admin.parts",
        "fedicause.web.parts",
        "fontTools",
        "fpdf",
        "http_message_signatures",
        "jinja2",
        "markdown_it",
        "nh3",
        "numpy",
        "pyotp",
        "segno",
        "sqlalchemy.dialects.postgresql",
        "storage.staff_models",
        "yaml",
    }
)
# Loaded with the first who has anything to do with it, or with the pages.
NOT_BEFORE_THERE_IS_SOME = frozenset(
    {
        "fedicause.coalition.compare",
        "fedicause.coalition.deal",
        "fedicause.coalition.mirror",
        "fedicause.letters.mailing",
        "fedicause.partners",
        "fedicause.people.crm",
        "fedicause.publish",
        "fedicause.signing.collecting",
        "fedicause.signing.lobby",
        "fedicause.signing.remind",
        "federation.discovery",
        "storage.cosigner_models",
        "storage.handover_models",
        "storage.moderation_models",
        "storage.partner_models",
    }
)

MOST = 92_500_000
"""Bytes of its resident set: it has 88 million, and other machines another OpenSSL and another libc."""


class Watched(Process):
    """A server that says which modules it loads."""

    @property
    def resident(self) -> int:
        """Bytes."""
        assert self._running is not None
        status = Path(f"/proc/{self._running.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024

    @property
    def loaded(self) -> set[str]:
        return set(re.findall(r"^import time: +\d+ \| +\d+ \| +([\w.]+)$", self.log, re.MULTILINE))

    async def has_loaded(self, name: str) -> bool:
        return name in self.loaded


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Watched]:
    made = Watched(tmp_path)
    await made.command(
        "init", "--name", "Friends of the Old Forest", "--handle", "org", "--admin-email", "alice@ours.test"
    )
    made.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    await made.start()
    yield made
    await made.stop()


async def status(server: Watched, path: str, accept: str) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.get(server.url + path, headers={"Accept": accept}) as answer,
    ):
        await answer.read()
        return answer.status


async def test_what_few_need_is_loaded_with_the_first_of_them(server: Watched) -> None:
    # Every round of the worker has looked for work by then.
    await asyncio.sleep(2)
    assert server.resident < MOST
    assert await status(server, "/readyz", "*/*") == 200
    assert "fedicause.work" in server.loaded
    assert not (NOT_WHILE_IDLE | NOT_BEFORE_THERE_IS_SOME) & server.loaded
    # Programs get what they ask for without what pages are made with.
    assert await status(server, "/actor", "application/activity+json") == 200
    assert await status(server, "/api/campaigns", "application/json") == 200
    await eventually(lambda: server.has_loaded("fedicause.web.parts"))
    # Whoever is to be erased is looked for in all tables.
    assert NOT_WHILE_IDLE & server.loaded <= {"fedicause.web.parts", "storage.staff_models"}
    # Whoever looks at a page has what pages are made with loaded, and whoever looks after it the desk.
    assert await status(server, "/", "*/*") == 200
    await eventually(lambda: server.has_loaded("jinja2"))
    assert await status(server, "/nothing-here", "text/html") == 404
    assert "fedicause.web.admin.parts" not in server.loaded
    assert await status(server, "/admin/login", "text/html") == 200
    await eventually(lambda: server.has_loaded("fedicause.web.admin.parts"))
    assert await status(server, "/admin/nothing-here", "text/html") == 404


def test_authorities_are_held_once() -> None:
    count = "import aiohttp.connector as c; print(c._SSL_CONTEXT_UNVERIFIED.cert_store_stats()['x509'])"
    by_itself = subprocess.run([sys.executable, "-c", count], check=True, capture_output=True, text=True)
    # Once that fails, aiohttp has become better: then what transport.py does instead can go.
    assert int(by_itself.stdout) == ssl.create_default_context().cert_store_stats()["x509"]
    assert transport.connector._SSL_CONTEXT_UNVERIFIED.cert_store_stats()["x509"] == 0
    assert transport.connector._SSL_CONTEXT_UNVERIFIED.verify_mode is ssl.CERT_NONE
    assert transport.connector._SSL_CONTEXT_VERIFIED.verify_mode is ssl.CERT_REQUIRED
