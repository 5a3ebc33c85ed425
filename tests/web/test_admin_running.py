"""The page that tells the admin how it runs: why a server does not answer, and trying it now."""

import re
from html import unescape

import pytest
from sqlalchemy import select

from fedicause.instance import Instance
from fedicause.watching import state, trouble
from storage import audit
from storage.models import Host
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse, certificate
from tests.web import outages, staff
from tests.web.test_delivery import rows, say, until, working, written

pytestmark = pytest.mark.usefixtures("campaign")

PAGE = "/admin/running"


def row_of(text: str, name: str) -> str:
    """The words of the row that begins with this name."""
    found = re.search(rf'<th scope="row">{re.escape(name)}.*?</tr>', text, re.DOTALL)
    assert found is not None, name
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[0])).split())


async def test_why_a_server_does_not_answer_and_a_button_that_tries_it_now(
    client: Client, instance: Instance, fediverse: Fediverse, clock: Clock
) -> None:
    alice = await staff.come_in(client, instance)
    broken, closed, wrong = [await fediverse.server(f"{name}.test") for name in ("broken", "closed", "wrong")]
    broken.status = 503
    await closed.stop()
    await wrong.stop()
    # It has a certificate, which is somebody else's.
    wrong.host = "else.test"
    assert certificate("else.test")
    await wrong.start()
    hosts = ["broken.test", "closed.test", "wrong.test", "lost.test"]
    async with working(instance):
        for number in range(5):
            await say(instance, f"news {number}", [f"https://{host}/inbox/{number}" for host in hosts])
        await written(instance, lambda found: all(row.attempts for row in found) and len(found) == 20)
        clock.advance(1)
        text = (await alice.get(PAGE)).text
        said = {host: row_of(text, host) for host in hosts}
        assert "It answers with an error of its own (503)." in said["broken.test"]
        assert "It takes no connections" in said["closed.test"]
        assert "Its certificate is not valid (TLS)." in said["wrong.test"]
        assert "Its name is not found (DNS)." in said["lost.test"]
        assert all("Try now" in each and "just now" in each for each in said.values())
        assert "Servers that do not answer" in text

        broken.status, tries = None, len(broken.asked)
        await closed.start()
        answer = await alice.post(f"{PAGE}/hosts", {"host": "broken.test"})
        assert answer.status == 303
        assert "is being tried now" in (await alice.get(answer.place)).text
        # The clock stands: only the button can have done it.
        await until(lambda: len(broken.asked) >= tries + 5)
        left = await written(instance, lambda found: all(row.host != "broken.test" for row in found))
        assert {row.host for row in left} == {"closed.test", "wrong.test", "lost.test"}
        assert closed.received == []
        text = (await alice.get(PAGE)).text
        assert "broken.test" not in text
        assert (await alice.post(f"{PAGE}/hosts")).status == 303
        await until(lambda: len(closed.received) == 5)
    async with instance.database.reading() as session:
        deeds = [(each.deed, each.about) for each in (await audit.page(session, limit=9)).entries]
        found = (await session.scalars(select(Host).where(Host.name == "broken.test"))).one()
    assert ("host.try", "broken.test") in deeds
    assert (found.failures, found.why, found.failing_since, found.last_error) == (0, None, None, None)
    assert (await alice.post(f"{PAGE}/hosts", {"host": "broken.test"})).status == 404


async def test_a_bad_day_is_told_in_words(client: Client, instance: Instance, clock: Clock) -> None:
    alice = await staff.come_in(client, instance)
    await outages.fill(instance)
    text = (await alice.get(PAGE)).text
    assert "It asked us to wait." in row_of(text, "busy.example")
    assert "Try now" not in row_of(text, "busy.example")
    assert "in 20 minutes" in row_of(text, "busy.example")
    assert "35 hours ago" in row_of(text, "broken.example")
    assert "The account is gone" in row_of(text, "gone.example")
    assert "connection to mail.ours.test refused" in row_of(text, "mail.example and 1 other")
    assert "no such user here" in row_of(text, "trash.example")
    assert re.search(r"To other servers .* 19 0 just now in 9 minutes", row_of(text, "To other servers"))
    assert "silent" in row_of(text, "work2:77")
    assert "91 MB" in row_of(text, "web1:812")
    assert text.count("6f1a2b3c4d5e6f70") == 3
    assert "1.8 s" in text
    assert "The last backup is of" in text
    assert "fedicause serve” running" not in text
    # Nobody's letter is anybody's business.
    assert "ann@" not in text
    for language, words in {
        "it": "Server che non rispondono",
        "de": "Server, die nicht",
        "fr": "Serveurs qui",
    }.items():
        assert words in (await alice.get(f"{PAGE}?lang={language}")).text


async def test_what_needs_somebody(instance: Instance, clock: Clock) -> None:
    await outages.fill(instance)
    clock.advance(3600)
    found = await trouble.read(instance, await state.read(instance))
    # An hour later nobody was heard of, and the mail server is still down.
    assert set(found.wrong) == {"no_worker", "letters", "no_mail", "old_backup"}
    assert len(await rows(instance)) == 20


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", ["campaigner", "moderator", "reader"])
async def test_only_owners_see_it(client: Client, instance: Instance, role: str) -> None:
    somebody = await staff.come_in(client, instance, role)
    assert (await somebody.get(PAGE)).status == 403
    assert (await somebody.post(f"{PAGE}/hosts")).status == 403
    assert PAGE not in (await somebody.get("/admin")).text
