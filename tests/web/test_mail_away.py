"""Mail servers on a bad day: no letter is lost, people go on signing, and the staff is told why."""

import asyncio
import re
import time
from collections import Counter
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient
from msgspec.structs import replace

from fedicause import check
from fedicause.instance import Instance
from fedicause.letters import post
from tests import correspondence, forms
from tests.clock import Clock
from tests.conftest import Client, application
from tests.door import Door
from tests.postbox import Postbox
from tests.web import staff
from tests.web.test_admin_running import row_of

BOB, CAROL = "bob@people.test", "carol@people.test"
NOT_NOW = "451 4.3.2 the system is not taking messages"


async def signatures(client: Client) -> int:
    async with client.get("/api/campaigns/forest/support") as answer:
        return int((await answer.json())["signatures"])


async def listen_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@pytest.mark.usefixtures("campaign")
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_day_of_not_now_costs_no_letter_and_no_signature(
    ours_with_mail: Instance, postbox: Postbox, clock: Clock
) -> None:
    instance = ours_with_mail
    async with TestClient(Door(application(instance))) as client:
        # Given a mail server that takes nothing for a day, whatever it is that it says no to
        addresses = []
        for hour in range(24):
            postbox.answers = {"DATA": NOT_NOW} if 8 <= hour < 16 else {"MAIL": NOT_NOW}
            # When people sign all the same
            if hour % 12 == 0:
                addresses.append(f"p{hour}@people.test")
                assert (await forms.sign(client, mail=addresses[-1])).status == 303
            await correspondence.send(instance)
            clock.advance(3600)
        # Then every letter waits, for some hours at most, and the staff is told why
        rows = await correspondence.letters_of(instance)
        assert [row.outcome for row in rows] == [None] * len(addresses)
        assert max(row.next_at for row in rows) < clock.now() + timedelta(hours=6)
        text = (await (await staff.come_in(client, instance)).get("/admin/running")).text
        assert NOT_NOW in row_of(text, "people.test")
        async with instance.database.reading() as session:
            found = await check.opened(session, instance.settings, now=instance.now())
        (said,) = [each for each in found if each.name == "letters"]
        assert (said.state == "ok", NOT_NOW in said.text) == (False, True)
        # When it takes them again, each comes once, and is as good as it was
        postbox.answers.clear()
        clock.advance(6 * 3600)
        await correspondence.send(instance)
        assert Counter(postbox.addressees) == Counter(addresses)
        for each in postbox.arrived:
            link = re.search(r"/confirm/[\w-]+", each.part("plain"))
            assert link is not None
            assert (await forms.post(client, link[0], {})).status == 303
        clock.advance(2)
        assert await signatures(client) == len(addresses)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_mail_server_that_says_nothing_more_is_not_waited_for(
    ours_with_mail: Instance, postbox: Postbox, clock: Clock
) -> None:
    # Given one that takes connections and says nothing, and one that goes silent over a letter
    silent = await asyncio.start_server(listen_only, "127.0.0.1", 0)
    url = f"smtp://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    nowhere = replace(ours_with_mail, settings=replace(ours_with_mail.settings, smtp=url))
    postbox.holding = asyncio.Event()
    await correspondence.write(ours_with_mail, BOB, CAROL)
    began = time.monotonic()
    for instance in (nowhere, ours_with_mail):
        # When letters are to be sent, then that ends, and they are sent when somebody speaks again
        async with asyncio.timeout(10):
            await post.round(instance, patience=0.4)
        rows = await correspondence.letters_of(instance)
        assert [(row.outcome, bool(row.last_error)) for row in rows] == [(None, True)] * 2
        clock.advance(3600)
    assert time.monotonic() - began < 8
    postbox.holding = None
    await correspondence.send(ours_with_mail)
    assert sorted(postbox.addressees) == [BOB, CAROL]
    silent.close()
    await silent.wait_closed()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_letter_of_which_nobody_said_that_it_was_taken_comes_twice_under_one_number(
    ours_with_mail: Instance, postbox: Postbox, clock: Clock
) -> None:
    postbox.swallowing.add(BOB)
    await correspondence.write(ours_with_mail, BOB, CAROL)
    await correspondence.send(ours_with_mail)
    postbox.swallowing.clear()
    clock.advance(3600)
    await correspondence.send(ours_with_mail)
    # Mail servers and programs that read mail drop the second one for that.
    numbers = {(each.to, each.message["Message-ID"]) for each in postbox.arrived}
    assert sorted(postbox.addressees) == [BOB, BOB, CAROL]
    assert len(numbers) == 2
