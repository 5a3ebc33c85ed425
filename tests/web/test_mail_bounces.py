"""Letters that come back, as mail servers return them, and the command line that takes them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import mail, seal
from fedicause.cli import main
from fedicause.here import Here
from fedicause.settings import Settings
from fedicause.urls import Urls
from storage.people_models import Letter, Person
from tests import correspondence, databases, ours
from tests.clock import Clock

BOB = "bob@people.test"
Seen = TypeVar("Seen")

POSTFIX = """Return-Path: <>
Delivered-To: {to}
From: MAILER-DAEMON@mx.test (Mail Delivery System)
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system at host mx.test. I'm sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.test
Arrival-Date: Sat, 21 Nov 2026 12:00:00 +0000

Final-Recipient: rfc822; bob@people.test
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} something
--b
Content-Type: message/rfc822

Return-Path: <{returned}>
From: campaigns@ours.test
To: bob@people.test
Subject: Please confirm

Hello
--b--
"""
EXIM = """Return-path: <>
Envelope-to: {to}
X-Failed-Recipients: bob@people.test
From: Mail Delivery System <Mailer-Daemon@mx.test>
To: {to}
Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.
"""
QMAIL = """From: MAILER-DAEMON@mx.test
To: {to}
Subject: failure notice

Hi. This is the qmail-send program at mx.test.
<bob@people.test>: Sorry, no mailbox here by that name.
"""
HOLIDAY = """From: bob@people.test
To: {to}
Subject: Out of office
Auto-Submitted: auto-replied

I am at the sea.
"""
NO_TOKEN = EXIM.replace("{to}", "campaigns@ours.test")


@dataclass
class Office:
    """A terminal of the instance's server."""

    settings: Settings
    environment: dict[str, str | None]

    def run(self, *words: str, given: str = "") -> str:
        result = CliRunner().invoke(main, words, env=self.environment, input=given)
        assert result.exit_code == 0, result.output
        return result.stdout

    def change(self, work: Callable[[AsyncSession], Awaitable[Seen]]) -> Seen:
        async def run() -> Seen:
            async with ours.changing(self.settings) as session:
                return await work(session)

        return asyncio.run(run())

    def rows(self) -> list[Letter]:
        async def look(session: AsyncSession) -> list[Letter]:
            return list(await session.scalars(select(Letter).order_by(Letter.id)))

        return self.change(look)

    def is_bounced(self) -> bool:
        async def look(session: AsyncSession) -> bool:
            return (await session.scalars(select(Person))).one().bounced_at is not None

        return self.change(look)


@pytest.fixture
def office(
    initialised_url: str,
    templates: databases.Templates,
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> Office:
    """Two letters to Bob wait."""
    monkeypatch.chdir(tmp_path)
    settings = ours.settings_for(initialised_url, tmp_path, secret=templates.secret)
    found = Office(
        settings,
        {
            "FEDICAUSE_URL": settings.url,
            "FEDICAUSE_DATA": str(settings.data),
            "FEDICAUSE_DATABASE": initialised_url,
            "FEDICAUSE_SECRET_FILE": str(settings.secret_file),
            "FEDICAUSE_DEV": None,
            "FEDICAUSE_SMTP": None,
        },
    )

    async def work(session: AsyncSession) -> None:
        bob = correspondence.person(BOB, clock.now())
        session.add(bob)
        await session.flush()
        here = Here(Urls(settings.url), seal.load(settings.secret_file), clock.now())
        for name in ("confirm", "update"):
            await mail.queue(
                session,
                here,
                kind=name,
                to=BOB,
                composed=correspondence.composed(name),
                person_id=bob.id,
            )

    found.change(work)
    return found


def returned(office: Office, form: str, **values: str) -> str:
    token = office.rows()[0].return_token
    to = f"bounce+{token}@ours.test"
    return form.format(**({"to": to, "returned": to, "action": "failed", "status": "5.1.1"} | values))


@pytest.mark.parametrize("form", [POSTFIX, EXIM, QMAIL])
def test_a_letter_that_comes_back_is_the_last_one(office: Office, form: str) -> None:
    assert office.run("mail", "bounce", given=returned(office, form)) == "Noted: no more letters go there\n"
    assert office.is_bounced()
    rows = office.rows()
    assert [row.outcome for row in rows] == ["bounced", "recalled"]
    assert all(row.content_sealed == b"" for row in rows)
    assert json.loads(office.run("mail", "queue", "--json")) == []
    # Some servers say it twice.
    office.run("mail", "bounce", given=returned(office, form))


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_server_that_changes_case_or_loses_the_address_is_understood(office: Office) -> None:
    to = f"BOUNCE+{office.rows()[0].return_token.upper()}@ours.test"
    office.run("mail", "bounce", given=returned(office, POSTFIX, to="postmaster@ours.test", returned=to))
    assert office.is_bounced()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("form", "values", "said"),
    [
        (HOLIDAY, {}, "it reports no lasting failure"),
        (POSTFIX, {"action": "delayed", "status": "4.4.1"}, "it reports no lasting failure"),
        (POSTFIX, {"action": "delivered", "status": "2.0.0"}, "it reports no lasting failure"),
        (POSTFIX, {"action": "failed", "status": "4.4.7"}, "it reports no lasting failure"),
        (POSTFIX, {"action": "failed", "status": "5.2.2"}, "it reports no lasting failure"),
        (EXIM, {"to": f"bounce+{'0' * 32}@ours.test"}, "no letter of ours returns to this address"),
        (NO_TOKEN, {}, "it does not say to which of our letters it belongs"),
        ("", {}, "it does not say to which of our letters it belongs"),
        ("\0\xff{{" * 1000, {}, "it does not say to which of our letters it belongs"),
    ],
)
def test_whatever_else_comes_to_that_address_stops_nothing(
    office: Office, form: str, values: dict[str, str], said: str
) -> None:
    assert office.run("mail", "bounce", given=returned(office, form, **values)) == f"Ignored: {said}\n"
    assert not office.is_bounced()
    assert len(json.loads(office.run("mail", "queue", "--json"))) == 2


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_doctor_says_when_letters_do_not_get_away(office: Office, clock: Clock) -> None:
    def found(**environment: str) -> dict[str, str]:
        result = CliRunner().invoke(
            main, ["doctor", "--json", "--offline"], env=office.environment | environment
        )
        checks: list[dict[str, str]] = json.loads(result.stdout)["checks"]
        return next(each for each in checks if each["name"] == "letters")

    assert found()["state"] == "warning"
    assert "FEDICAUSE_SMTP" in found()["advice"]
    smtp = "smtp://127.0.0.1:1"

    async def late(session: AsyncSession) -> None:
        then = datetime.now(UTC) - timedelta(days=1)
        await session.execute(update(Letter).values(created_at=then, last_error="451 later"))

    office.change(late)
    assert found(FEDICAUSE_SMTP=smtp)["state"] == "problem"
    assert "451 later" in found(FEDICAUSE_SMTP=smtp)["text"]
    office.run("mail", "bounce", given=returned(office, POSTFIX))
    assert found(FEDICAUSE_SMTP=smtp)["text"] == "none waits"


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_queue_shows_no_address(office: Office) -> None:
    rows = json.loads(office.run("mail", "queue", "--json"))
    assert [(row["kind"], row["domain"], row["attempts"]) for row in rows] == [
        ("confirm", "people.test", 0),
        ("update", "people.test", 0),
    ]
    shown = office.run("mail", "queue")
    assert "people.test" in shown
    assert "bob" not in shown
