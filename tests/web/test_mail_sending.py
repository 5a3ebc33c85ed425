"""Letters on their way to a mail server, and what becomes of those that it does not take."""

import stat
from datetime import timedelta
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from fedicause import app
from fedicause.instance import Instance
from fedicause.letters import post
from storage import letters
from tests import correspondence, databases, ours
from tests.clock import Clock
from tests.fediverse import Fediverse
from tests.postbox import Postbox, open_postbox

BOB = "bob@people.test"


async def test_a_queued_letter_is_sealed_and_a_sent_one_forgotten(
    ours_with_mail: Instance, postbox: Postbox
) -> None:
    await correspondence.write(ours_with_mail, BOB)
    (row,) = await correspondence.letters_of(ours_with_mail)
    assert b"bob" not in row.content_sealed
    assert (row.kind, row.domain, row.is_bulk, row.ended_at) == ("confirm", "people.test", False, None)
    await correspondence.send(ours_with_mail)
    (row,) = await correspondence.letters_of(ours_with_mail)
    assert (row.content_sealed, row.outcome, row.attempts) == (b"", "sent", 1)
    assert row.ended_at == ours_with_mail.now()
    assert row.lease_until is None
    assert postbox.addressees == [BOB]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_without_a_mail_server_letters_are_files(instance: Instance) -> None:
    await correspondence.write(instance, BOB)
    await correspondence.send(instance)
    (row,) = await correspondence.letters_of(instance)
    path = instance.settings.data / "mail" / f"{row.id}.eml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    parsed = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
    assert parsed["Return-Path"] == f"<bounce+{row.return_token}@ours.test>"
    assert parsed["To"] == BOB


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_directory_that_can_not_be_written_costs_no_letter(instance: Instance, clock: Clock) -> None:
    instance.settings.data.mkdir(exist_ok=True)
    directory = instance.settings.data / "mail"
    directory.write_text("in the way")
    await correspondence.write(instance, BOB)
    assert await post.round(instance) is None
    (row,) = await correspondence.letters_of(instance)
    assert row.ended_at is None
    assert "letters" in (row.last_error or "")
    directory.unlink()
    clock.advance(3600)
    await correspondence.send(instance)
    assert (directory / f"{row.id}.eml").exists()


async def test_letters_share_connections_and_those_in_bulk_wait(
    ours_with_mail: Instance, postbox: Postbox
) -> None:
    news = [f"news{number}@people.test" for number in range(60)]
    await correspondence.write(ours_with_mail, *news, kind="update")
    await correspondence.write(ours_with_mail, BOB)
    assert await post.round(ours_with_mail) == 0
    assert BOB in postbox.addressees
    assert len(postbox.arrived) == post.BATCH
    await correspondence.send(ours_with_mail)
    assert sorted(postbox.addressees) == sorted([*news, BOB])
    assert postbox.most_at_once <= post.CONNECTIONS
    assert postbox.connections <= 2 * post.CONNECTIONS


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_server_that_allows_one_connection_gets_everything_over_it(
    ours_with_mail: Instance, postbox: Postbox
) -> None:
    postbox.most_allowed = 1
    await correspondence.write(ours_with_mail, *(f"p{number}@people.test" for number in range(30)))
    await correspondence.send(ours_with_mail)
    assert len(postbox.arrived) == 30


async def test_letters_are_paced_over_all_processes(
    ours_with_mail: Instance, postbox: Postbox, clock: Clock
) -> None:
    paced = replace(ours_with_mail, settings=replace(ours_with_mail.settings, mail_rate=100))
    await correspondence.write(paced, *(f"p{number}@people.test" for number in range(25)))
    assert await post.round(paced) == 0
    assert await post.round(paced) == post.PAUSE
    assert len(postbox.arrived) == 10
    clock.advance(6)
    assert await post.round(paced) == 0
    assert len(postbox.arrived) == 20
    slow = replace(paced, settings=replace(paced.settings, mail_rate=7))
    clock.advance(6)
    assert await post.round(slow) == post.PAUSE
    clock.advance(3)
    assert await post.round(slow) == 0
    assert len(postbox.arrived) == 21


async def test_a_server_that_says_not_now_is_asked_again_less_and_less_often(
    ours_with_mail: Instance, postbox: Postbox, clock: Clock
) -> None:
    postbox.answers[BOB] = "451 4.7.1 come back later, bob@people.test"
    (bob,) = await correspondence.people(ours_with_mail, BOB)
    await correspondence.write(ours_with_mail, BOB, ids=[bob])
    began, pauses = clock.now(), []
    while True:
        await correspondence.send(ours_with_mail)
        (row,) = await correspondence.letters_of(ours_with_mail)
        if row.ended_at is not None:
            break
        assert row.last_error == "451 4.7.1 come back later, …"
        pauses.append(row.next_at - clock.now())
        clock.set(row.next_at)
    assert row.outcome == "expired"
    assert row.content_sealed == b""
    assert timedelta(days=3) <= row.ended_at - began < timedelta(days=3, hours=7)
    assert pauses[0] < timedelta(minutes=1)
    assert max(pauses) > timedelta(hours=2)
    assert 15 < row.attempts < 60
    # The address may be good all the same.
    assert await correspondence.bounced(ours_with_mail) == set()


async def test_an_address_that_does_not_exist_gets_no_more_letters(
    ours_with_mail: Instance, postbox: Postbox
) -> None:
    postbox.answers["nobody@people.test"] = "550 5.1.1 no such person"
    nobody, bob = await correspondence.people(ours_with_mail, "nobody@people.test", BOB)
    addresses, ids = ["nobody@people.test", BOB], [nobody, bob]
    await correspondence.write(ours_with_mail, *addresses, ids=ids)
    await correspondence.send(ours_with_mail)
    assert postbox.addressees == [BOB]
    rows = await correspondence.letters_of(ours_with_mail)
    assert [row.outcome for row in rows] == ["refused", "sent"]
    assert rows[0].last_error == "550 5.1.1 no such person"
    assert await correspondence.bounced(ours_with_mail) == {nobody}
    await correspondence.write(ours_with_mail, *addresses, ids=ids, kind="update")
    assert len(await correspondence.letters_of(ours_with_mail)) == 3
    await correspondence.send(ours_with_mail)
    assert postbox.addressees == [BOB, BOB]


async def test_words_that_a_server_refuses_say_nothing_of_the_address(
    ours_with_mail: Instance, postbox: Postbox
) -> None:
    postbox.answers["DATA"] = "554 5.6.0 we don't like this"
    (bob,) = await correspondence.people(ours_with_mail, BOB)
    await correspondence.write(ours_with_mail, BOB, ids=[bob])
    await correspondence.send(ours_with_mail)
    (row,) = await correspondence.letters_of(ours_with_mail)
    assert (row.outcome, row.content_sealed) == ("refused", b"")
    assert await correspondence.bounced(ours_with_mail) == set()


@pytest.mark.parametrize(
    ("where", "answer"),
    [("MAIL", "550 5.7.1 you may not send"), (BOB, "554 5.7.1 relay access denied"), ("MAIL", "451 4.3.0 x")],
)
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_server_that_does_not_know_us_costs_no_letter(
    ours_with_mail: Instance, postbox: Postbox, clock: Clock, where: str, answer: str
) -> None:
    postbox.answers[where] = answer
    (bob,) = await correspondence.people(ours_with_mail, BOB)
    await correspondence.write(ours_with_mail, BOB, ids=[bob])
    await post.round(ours_with_mail)
    (row,) = await correspondence.letters_of(ours_with_mail)
    assert row.ended_at is None
    assert row.last_error == answer
    assert await correspondence.bounced(ours_with_mail) == set()
    postbox.answers.clear()
    clock.set(row.next_at)
    await correspondence.send(ours_with_mail)
    assert postbox.addressees == [BOB]


async def test_a_server_that_is_down_for_a_while_gets_everything_when_it_is_back(
    initialised_url: str, templates: databases.Templates, tmp_path: Path, clock: Clock, fediverse: Fediverse
) -> None:
    async with open_postbox() as postbox:
        pass
    given = ours.settings_for(initialised_url, tmp_path, secret=templates.secret)
    posting = correspondence.posting(given, postbox.url)
    async with app.open_instance(posting, now=clock.now, **fediverse.doors) as instance:
        await correspondence.write(instance, *(f"p{number}@people.test" for number in range(20)))
        assert await post.round(instance) is None
        for _ in range(40):
            clock.advance(3600)
            await post.round(instance)
        rows = await correspondence.letters_of(instance)
        assert all(row.ended_at is None and row.attempts > 30 for row in rows)
        assert all(row.next_at <= clock.now() + 2 * post.LONGEST_WAIT_WHEN_DOWN for row in rows)
        async with open_postbox(postbox=postbox):
            clock.advance(1800)
            await correspondence.send(instance)
        assert len(set(postbox.addressees)) == len(postbox.arrived) == 20


async def test_a_letter_in_the_hands_of_somebody_else_is_left_to_them(
    ours_with_mail: Instance, postbox: Postbox, clock: Clock
) -> None:
    await correspondence.write(ours_with_mail, BOB)
    now = clock.now()
    async with ours_with_mail.database.writing() as session:
        (claimed,) = await letters.claim(session, now=now, lease_until=now + post.LEASE, limit=10)
    # Whoever has it dies.
    await correspondence.send(ours_with_mail)
    assert postbox.arrived == []
    clock.advance(post.LEASE.total_seconds())
    await correspondence.send(ours_with_mail)
    assert postbox.addressees == [BOB]
    # What they might still say counts for nothing.
    async with ours_with_mail.database.writing() as session:
        retry = letters.Retry(claimed, now, "too late")
        await letters.settle(session, ends=[], retries=[retry], now=now)
    (row,) = await correspondence.letters_of(ours_with_mail)
    assert (row.outcome, row.last_error) == ("sent", None)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_single_process_takes_over_from_the_one_before(
    ours_with_mail: Instance, postbox: Postbox, clock: Clock
) -> None:
    await correspondence.write(ours_with_mail, BOB)
    now = clock.now()
    async with ours_with_mail.database.writing() as session:
        await letters.claim(session, now=now, lease_until=now + post.LEASE, limit=10)
    await post.start(ours_with_mail)
    await correspondence.send(ours_with_mail)
    assert postbox.addressees == [BOB]


async def test_whoever_wants_no_letters_gets_none(ours_with_mail: Instance, postbox: Postbox) -> None:
    bob, carol = await correspondence.people(ours_with_mail, BOB, "carol@people.test")
    both, ids = [BOB, "carol@people.test"], [bob, carol]
    await correspondence.write(ours_with_mail, *both, ids=ids, kind="update")
    await correspondence.write(ours_with_mail, *both, ids=ids)
    async with ours_with_mail.database.writing() as session:
        await letters.recall(session, [bob], ours_with_mail.now(), kinds={"update"})
    await correspondence.send(ours_with_mail)
    assert sorted(postbox.addressees) == [BOB, "carol@people.test", "carol@people.test"]
    rows = await correspondence.letters_of(ours_with_mail)
    assert {row.outcome for row in rows if row.person_id == bob} == {"recalled", "sent"}
    assert all(row.content_sealed == b"" for row in rows)
    async with ours_with_mail.database.writing() as session:
        await letters.forget(session, bob)
        await letters.purge(session, ours_with_mail.now() + timedelta(days=1))
    assert await correspondence.letters_of(ours_with_mail) == []
