"""Mail servers as they are: encrypted, with a password; and a process of ours that dies while it sends."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from fedicause import app, mail, seal
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.letters import post
from fedicause.urls import Urls
from storage.database import Database
from tests import correspondence, databases, ours
from tests.clock import Clock
from tests.faults.nursery import Forked
from tests.fediverse import Fediverse
from tests.postbox import PASSWORD, Postbox, certificate, open_postbox
from tests.process import FEDICAUSE, Process, eventually

BOB = "bob@people.test"
# Reaches this machine as well, though it is not known to.
ELSEWHERE = "0.0.0.0"  # noqa: S104
Opening = Callable[[str], AbstractAsyncContextManager[Instance]]

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@pytest.fixture
def opening(
    initialised_url: str, templates: databases.Templates, tmp_path: Path, clock: Clock, fediverse: Fediverse
) -> Opening:
    """Opens the instance with the mail server at this URL."""
    given = ours.settings_for(initialised_url, tmp_path, secret=templates.secret)
    return lambda url: app.open_instance(correspondence.posting(given, url), now=clock.now, **fediverse.doors)


def login(box: Postbox, *, scheme: str = "smtp", password: str = PASSWORD, host: str = "127.0.0.1") -> str:
    return f"{scheme}://{quote('alice@ours.test')}:{quote(password, safe='')}@{host}:{box.port}"


async def error_of_a_letter(opening: Opening, url: str) -> str | None:
    """Why a letter could not be sent this way; None when it was."""
    async with opening(url) as instance:
        await correspondence.write(instance, BOB)
        await post.round(instance)
        (row,) = await correspondence.letters_of(instance)
        assert (row.outcome == "sent") == (row.last_error is None)
        return row.last_error


async def test_encryption_is_used_where_it_is_offered(opening: Opening, tmp_path: Path) -> None:
    async with open_postbox(starttls=certificate(tmp_path)) as box:
        assert await error_of_a_letter(opening, box.url) is None
    assert [each.is_encrypted for each in box.arrived] == [True]


async def test_a_connection_can_be_encrypted_from_the_first_byte(opening: Opening, tmp_path: Path) -> None:
    async with open_postbox(tls=certificate(tmp_path)) as box:
        assert await error_of_a_letter(opening, box.url.replace("smtp:", "smtps:")) is None
    assert box.addressees == [BOB]


async def test_a_certificate_of_another_machine_is_looked_at(opening: Opening, tmp_path: Path) -> None:
    async with open_postbox(starttls=certificate(tmp_path)) as box:
        error = await error_of_a_letter(opening, box.url.replace("127.0.0.1", ELSEWHERE))
    assert "certificate" in (error or "").lower()
    assert box.arrived == []


async def test_a_password_with_every_kind_of_character_is_understood(
    opening: Opening, tmp_path: Path
) -> None:
    async with open_postbox(starttls=certificate(tmp_path), logins=True) as box:
        assert await error_of_a_letter(opening, login(box)) is None
    assert box.logins == ["alice@ours.test"]
    assert box.addressees == [BOB]


async def test_a_wrong_password_costs_no_letter(opening: Opening, tmp_path: Path) -> None:
    async with open_postbox(starttls=certificate(tmp_path), logins=True) as box:
        error = await error_of_a_letter(opening, login(box, password="wrong"))
        assert error is not None
        assert error.startswith("535 ")
        assert "wrong" not in error


async def test_a_password_is_never_sent_to_another_machine_in_clear(opening: Opening) -> None:
    async with open_postbox(logins=True) as box:
        error = await error_of_a_letter(opening, login(box, host=ELSEWHERE))
    assert error == "the mail server offers no encryption, and the password is not sent without"
    assert box.logins == []


async def test_a_letter_on_which_the_connection_breaks_is_tried_again_after_the_others(
    opening: Opening, clock: Clock
) -> None:
    async with open_postbox() as box, opening(box.url) as instance:
        box.breaking.add("broken@people.test")
        await correspondence.write(instance, "broken@people.test", BOB, "carol@people.test")
        await correspondence.send(instance)
        assert sorted(box.addressees) == [BOB, "carol@people.test"]
        rows = await correspondence.letters_of(instance)
        assert [row.outcome for row in rows] == [None, "sent", "sent"]
        box.breaking.clear()
        clock.advance(3600)
        await post.round(instance)
        assert len(box.arrived) == 3


async def queue(process: Process, *addresses: str) -> None:
    """Letters of an instance that runs as a process of its own."""
    data = Path(process.environment["FEDICAUSE_DATA"])
    sealing = seal.load(data / "secret")
    database = Database(process.environment.get("FEDICAUSE_DATABASE") or f"sqlite:///{data / 'fedicause.db'}")
    try:
        async with database.writing() as session:
            here = Here(Urls(process.url), sealing, datetime.now(UTC))
            letter = correspondence.composed()
            await mail.queue_many(session, here, [mail.Draft("confirm", each, letter) for each in addresses])
    finally:
        await database.close()


@pytest.mark.parametrize("command", ["serve", "work"])
async def test_a_process_that_is_killed_while_it_sends_loses_no_letter(
    initialised_url: str, tmp_path: Path, command: str
) -> None:
    process = Forked(tmp_path)
    addresses = [f"p{number}@people.test" for number in range(12)]
    async with open_postbox() as box:
        process.environment["FEDICAUSE_SMTP"] = box.url
        process.environment["FEDICAUSE_MAIL_RATE"] = "100000"
        await process.set_up()
        await queue(process, *addresses)
        box.holding = asyncio.Event()
        options = ["--no-work"] if command == "work" else []
        await process.start(*options)
        worker = await work(process) if command == "work" else None
        try:
            await asyncio.wait_for(box.read.wait(), 30)
            # Under way, and not answered for.
            if worker is None:
                await process.kill()
            else:
                worker.kill()
                await worker.wait()
            assert box.arrived == []
            box.holding.set()
            if worker is None:
                await process.start()
            else:
                worker = await work(process)

            async def all_there() -> bool:
                return set(box.addressees) == set(addresses)

            await eventually(all_there, within=30)
            of_each = {each.to: each.message["Message-ID"] for each in box.arrived}
            assert all(each.message["Message-ID"] == of_each[each.to] for each in box.arrived)
            assert len(box.arrived) <= len(addresses) + post.CONNECTIONS
        finally:
            if worker is not None and worker.returncode is None:
                worker.terminate()
                await worker.wait()
            await process.stop()


async def work(process: Process) -> asyncio.subprocess.Process:
    with (process.directory / "work.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *(FEDICAUSE, "work"), cwd=process.directory, env=process.environment, stdout=log, stderr=log
        )
