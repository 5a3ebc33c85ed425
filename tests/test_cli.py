"""The command line as Alice uses it: what it prints, what it refuses, and with which exit status."""

import asyncio
import json
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.cli import main
from fedicause.staffing import passwords
from storage import campaigns, coalitions, local_actors, reports, testimonies, users
from storage.coalition_models import CountryCount
from storage.database import Database
from storage.models import Counts, Delivery, Host
from storage.registers import Key
from tests import databases
from tests.storage import rows

Seen = TypeVar("Seen")
NOW = datetime.now(UTC)
CALL = """---
title: Save the old forest
slug: forest
topic: Old forests
goal: 1000
---
The old forest is to be felled in **spring**.
"""


@dataclass
class Shell:
    """A terminal in an empty directory, with the settings of an instance."""

    directory: Path
    environment: dict[str, str | None]
    runner: CliRunner = field(default_factory=CliRunner)

    def run(self, *words: str, status: int = 0, **environment: str | None) -> Result:
        result = self.runner.invoke(main, words, env=self.environment | environment)
        assert result.exit_code == status, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    def refused(self, *words: str, status: int = 1, **environment: str | None) -> str:
        """The one sentence that it says."""
        result = self.run(*words, status=status, **environment)
        assert result.stdout == ""
        assert result.stderr.startswith("fedicause: ")
        assert result.stderr.count("\n") == 1
        return result.stderr.removeprefix("fedicause: ").strip()

    def file(self, content: str = CALL, name: str = "call.md") -> str:
        path = self.directory / name
        path.write_text(content)
        return str(path)

    def listing(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json").stdout)

    def findings(self, *words: str, status: int = 0, **environment: str | None) -> dict[str, dict[str, str]]:
        found = json.loads(
            self.run("doctor", "--json", "--offline", *words, status=status, **environment).stdout
        )
        assert found["ok"] == (status == 0)
        return {each["name"]: each for each in found["checks"]}

    def change(self, work: Callable[[AsyncSession], Awaitable[Seen]]) -> Seen:
        """Something that happens in the database beside the command line."""

        async def run() -> Seen:
            database = Database(self.environment["FEDICAUSE_DATABASE"] or "")
            try:
                async with database.writing() as session:
                    return await work(session)
            finally:
                await database.close()

        return asyncio.run(run())

    async def actor_id(self, session: AsyncSession, name: str = "forest") -> int:
        actor = await local_actors.by_name(session, name)
        assert actor is not None
        return actor.id


def environment(tmp_path: Path, database: str | None, secret: Path) -> dict[str, str | None]:
    return {
        "FEDICAUSE_URL": "https://ours.test",
        "FEDICAUSE_DATA": str(tmp_path / "data"),
        "FEDICAUSE_DATABASE": database,
        "FEDICAUSE_SECRET_FILE": str(secret),
        "FEDICAUSE_DEV": None,
        "FEDICAUSE_SMTP": None,
    }


@pytest.fixture
def fresh(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A migrated database without an organisation."""
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, environment(tmp_path, database_url, tmp_path / "data" / "secret"))


@pytest.fixture
def shell(
    initialised_url: str, templates: databases.Templates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """An instance that is set up."""
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, environment(tmp_path, initialised_url, templates.secret))


INIT = ("init", "--name", "Friends of the Old Forest", "--handle", "org")


def test_init_sets_everything_up_and_says_the_password_once(fresh: Shell) -> None:
    said = fresh.run(*INIT, "--admin-email", "Alice@ours.test").stdout
    password = next(line.split()[1] for line in said.splitlines() if "password" in line)

    async def look(session: AsyncSession) -> None:
        organisation, actor = await local_actors.organisation(session)
        assert (organisation.name, actor.name) == ("Friends of the Old Forest", "org")
        assert (await local_actors.instance(session)).name == "ours.test"
        user = await users.by_email(session, "alice@ours.test")
        assert user is not None
        assert user.role == "owner"
        assert user.password_hash.startswith("$argon2id$")
        assert passwords.fits(password, user.password_hash)
        assert not passwords.fits(password[:-1], user.password_hash)

    fresh.change(look)
    secret = fresh.directory / "data" / "secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    fresh.run("doctor", "--offline")


def test_init_makes_a_database_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shell = Shell(tmp_path, environment(tmp_path, None, tmp_path / "data" / "secret"))
    assert "Begin with: fedicause init" in shell.refused("campaign", "list")
    assert not (tmp_path / "data").exists()
    found = shell.findings(status=1)
    assert found["schema"]["advice"] == "run `fedicause init`"
    shell.run(*INIT)
    assert (tmp_path / "data" / "fedicause.db").exists()
    assert shell.listing("user", "list")[0]["email"] == "admin@ours.test"


def test_init_a_second_time_says_so_and_changes_nothing(fresh: Shell) -> None:
    fresh.run(*INIT)
    secret = fresh.directory / "data" / "secret"
    before = (secret.read_bytes(), fresh.listing("user", "list"))
    said = fresh.refused("init", "--name", "Mallory's", "--handle", "evil")
    assert said == "There is an organisation here already: Friends of the Old Forest. Nothing was changed."
    assert (secret.read_bytes(), fresh.listing("user", "list")) == before


@pytest.mark.parametrize(
    "words",
    [
        ("--name", " ", "--handle", "org"),
        ("--name", "Friends", "--handle", "Org!"),
        ("--name", "Friends", "--handle", "actor"),
        ("--name", "Friends", "--handle", "org", "--admin-email", "alice"),
        ("--name", "Friends", "--handle", "org", "--language", "xx"),
    ],
)
def test_init_with_what_can_not_be_creates_nothing(fresh: Shell, words: tuple[str, ...]) -> None:
    fresh.refused("init", *words, status=2)
    assert not (fresh.directory / "data").exists()
    fresh.run(*INIT)


def test_settings_that_make_no_sense_are_said_to(shell: Shell) -> None:
    assert "FEDICAUSE_URL" in shell.refused("campaign", "list", status=2, FEDICAUSE_URL=None)
    assert "https" in shell.refused("campaign", "list", status=2, FEDICAUSE_URL="http://ours.test")
    assert "mysql" in shell.refused("doctor", "--offline", status=2, FEDICAUSE_DATABASE="mysql://localhost/x")


def test_a_campaign_from_draft_to_deletion(shell: Shell) -> None:
    assert "campaign publish forest" in shell.run("campaign", "new", shell.file()).stdout
    assert shell.listing("campaign", "list")[0]["state"] == "draft"
    assert "https://ours.test/campaigns/forest" in shell.run("campaign", "publish", "forest").stdout
    shell.run("campaign", "edit", "forest", shell.file(CALL.replace("1000", "2000")))
    french = CALL.replace("Save the old forest", "Sauvons la forêt").replace("goal:", "language: fr\ngoal:")
    assert "en, fr" in shell.run("campaign", "translate", "forest", shell.file(french)).stdout
    posted = shell.run("campaign", "update", "forest", shell.file("---\ntitle: News\n---\nGood news.")).stdout
    assert "https://ours.test/campaigns/forest/updates/1" in posted
    shell.run("campaign", "close", "forest")
    (row,) = shell.listing("campaign", "list")
    assert (row["state"], row["goal"], row["languages"]) == ("closed", 2000, ["en", "fr"])
    assert row["closed"].endswith("Z")
    shell.run("campaign", "delete", "forest")
    assert shell.listing("campaign", "list") == []
    assert "in use" in shell.refused("campaign", "new", shell.file())


def test_a_campaign_is_published_when_its_time_has_come_or_not(shell: Shell) -> None:
    shell.run("campaign", "new", shell.file())
    day = f"{NOW + timedelta(days=30):%Y-%m-%d}"
    assert f"{day} 00:00 UTC" in shell.run("campaign", "schedule", "forest", day).stdout
    assert f"{day} 17:00 UTC" in shell.run("campaign", "schedule", "forest", f"{day}T18:00+01:00").stdout
    assert shell.listing("campaign", "list")[0]["scheduled"] == f"{day}T17:00:00Z"
    assert "over" in shell.refused("campaign", "schedule", "forest", "2020-01-02", status=2)
    assert "2030-12-31" in shell.refused("campaign", "schedule", "forest", "soon", status=2)
    assert "stays a draft" in shell.run("campaign", "schedule", "forest", "never").stdout
    assert shell.listing("campaign", "list")[0]["scheduled"] is None
    shell.run("campaign", "publish", "forest")
    assert "published before" in shell.refused("campaign", "schedule", "forest", day)


def test_a_campaign_is_won_corrected_and_opened_again(shell: Shell) -> None:
    shell.run("campaign", "new", shell.file())
    assert "draft" in shell.refused("campaign", "win", "forest", "It stays.")
    shell.run("campaign", "publish", "forest")
    news = shell.file("---\ntitle: We won\n---\nThe forest stays.")
    won = shell.run("campaign", "win", "forest", "It stays till 2050.", "--news", news).stdout
    assert "https://ours.test/campaigns/forest/updates/1" in won
    assert "updates" not in shell.run("campaign", "win", "forest", "It stays till 2060.").stdout
    row = shell.listing("campaign", "list")[0]
    assert (row["state"], row["outcome"]) == ("closed", "It stays till 2060.")
    assert "empty" in shell.refused("campaign", "win", "forest", " ", status=2)
    assert "open again" in shell.run("campaign", "reopen", "forest").stdout
    row = shell.listing("campaign", "list")[0]
    assert (row["state"], row["outcome"]) == ("published", None)
    assert "isn't closed" in shell.refused("campaign", "reopen", "forest")


def test_a_listing_is_a_table_for_people(shell: Shell) -> None:
    assert "no campaign yet" in shell.run("campaign", "list").stdout
    shell.run("campaign", "new", shell.file())
    heading, row = shell.run("campaign", "list").stdout.splitlines()
    assert heading.startswith("SLUG    TITLE                KIND      STATE")
    assert row.startswith("forest  Save the old forest  petition  draft")
    assert heading.index("GOAL") + 4 == row.index("1,000") + 5


def test_a_wrong_file_is_named_with_its_line(shell: Shell) -> None:
    path = shell.file(CALL.replace("goal: 1000", "goal: many"))
    assert shell.refused("campaign", "new", path, status=2).startswith(f"{path}, line 5: `goal` must be")
    assert "no such file" in shell.refused("campaign", "new", "nothing.md", status=2)


def test_what_can_not_be_done_is_said_in_one_sentence(shell: Shell) -> None:
    assert shell.refused("campaign", "publish", "river") == "There is no campaign `river`"
    assert shell.refused("support", "river") == "There is no campaign `river`"
    shell.run("campaign", "new", shell.file())
    assert "draft" in shell.refused("campaign", "close", "forest")


def test_thresholds_are_set_and_taken_away(shell: Shell) -> None:
    initiative = CALL.replace("goal: 1000", "thresholds: eci\nregistered: 2024-09-01")
    shell.run("campaign", "new", shell.file(initiative))
    (row,) = shell.listing("campaign", "list")
    assert (row["thresholds"], row["registered"], row["goal"]) == ("eci", "2024-09-01", 1_000_000)
    none = CALL.replace("goal: 1000", "thresholds: none\ngoal: none")
    shell.run("campaign", "edit", "forest", shell.file(none))
    (row,) = shell.listing("campaign", "list")
    assert (row["thresholds"], row["registered"], row["goal"]) == (None, None, None)


def test_counts_from_elsewhere_are_entered_listed_and_forgotten(shell: Shell) -> None:
    shell.run("campaign", "new", shell.file())
    add = ("campaign", "elsewhere", "add", "forest")
    assert "Nothing was entered" in shell.run("campaign", "elsewhere", "list", "forest").stdout
    said = shell.run(*add, "1 200", "--source", "On paper", "--on", "2025-05-01").stdout
    assert said == "Entered as 1: 1,200 by On paper, 1 May 2025\n"
    assert (
        " 90 in GR by On paper"
        in shell.run(*add, "90", "--source", "on  paper", "--on", "2025-05-01", "--country", "el").stdout
    )
    shell.run(*add, "1500", "--source", "On paper", "--on", "2025-06-01")
    listed = shell.listing("campaign", "elsewhere", "list", "forest")
    assert [(each["id"], each["count"], each["country"], each["shown"]) for each in listed] == [
        (3, 1500, None, True),
        (2, 90, "GR", True),
        (1, 1200, None, False),
    ]
    assert (listed[2]["date"], listed[2]["source"]) == ("2025-05-01", "On paper")
    heading, first, *_ = shell.run("campaign", "elsewhere", "list", "forest").stdout.splitlines()
    assert heading.split() == ["ID", "SOURCE", "COUNTRY", "COUNT", "DATE", "SHOWN"]
    assert first.split() == ["3", "On", "paper", "–", "1,500", "2025-06-01", "yes"]
    shell.run("campaign", "elsewhere", "remove", "3")
    assert [
        each["id"] for each in shell.listing("campaign", "elsewhere", "list", "forest") if each["shown"]
    ] == [
        2,
        1,
    ]
    assert shell.refused("campaign", "elsewhere", "remove", "3") == "There is no count 3"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("many", "--source", "Paper", "--on", "2025-05-01"), "`COUNT` must be a whole number, not `many`"),
        (("5", "--source", "Paper", "--on", "yesterday"), "`--on` `yesterday` is no day"),
        (("5", "--source", "Paper", "--on", "2125-05-01"), "1 May 2125 is still to come"),
        (("5", "--source", " ", "--on", "2025-05-01"), "The source is empty"),
        (("5", "--source", "a\u202eb", "--on", "2025-05-01"), "The source must be one line of plain text"),
        (("5", "--source", "a" * 121, "--on", "2025-05-01"), "The source has 121 characters"),
        (
            ("5", "--source", "Paper", "--on", "2025-05-01", "--country", "ZZ"),
            "`--country` `ZZ` is no country",
        ),
    ],
)
def test_a_count_that_makes_no_sense_is_refused(shell: Shell, words: tuple[str, ...], said: str) -> None:
    shell.run("campaign", "new", shell.file())
    assert shell.refused("campaign", "elsewhere", "add", "forest", *words, status=2).startswith(said)
    assert shell.listing("campaign", "elsewhere", "list", "forest") == []


def test_counts_of_an_unknown_campaign_are_refused(shell: Shell) -> None:
    words = ("river", "5", "--source", "Paper", "--on", "2025-05-01")
    assert shell.refused("campaign", "elsewhere", "add", *words) == "There is no campaign `river`"
    assert shell.refused("campaign", "elsewhere", "list", "river") == "There is no campaign `river`"


def test_a_picture_is_stored_while_its_campaign_shows_it(shell: Shell) -> None:
    media = shell.directory / "data" / "media"
    Image.new("RGB", (2000, 1000), (0, 90, 0)).save(shell.directory / "oak.png")
    shell.run(
        "campaign", "new", shell.file(CALL.replace("goal", "picture: oak.png\npicture_alt: Oaks\ngoal"))
    )
    (first,) = media.iterdir()
    shell.run("campaign", "publish", "forest")
    Image.new("RGB", (2000, 1000), (90, 0, 0)).save(shell.directory / "elm.png")
    shell.run("campaign", "edit", "forest", shell.file(CALL.replace("goal", "picture: elm.png\ngoal")))
    (second,) = media.iterdir()
    assert first != second
    assert shell.findings()["pictures"]["state"] == "ok"
    second.rename(second.with_suffix(".lost"))
    assert second.name in shell.findings(status=1)["pictures"]["text"]
    second.with_suffix(".lost").rename(second)
    shell.run("campaign", "delete", "forest")
    assert list(media.iterdir()) == []


def test_support_is_the_documented_document(shell: Shell) -> None:
    shell.run("campaign", "new", shell.file())
    shell.run("campaign", "publish", "forest")

    async def endorse(session: AsyncSession) -> None:
        subject = await shell.actor_id(session)
        session.add(
            Counts(subject_id=subject, endorsements=1234, shares=5, subscriptions=6, held=7, changed_at=NOW)
        )

    shell.change(endorse)
    found = shell.listing("support", "forest")
    assert set(found) == {
        "total", "endorsements", "signatures", "shares", "people", "hosts", "countries", "elsewhere", "goal",
        "next", "updated",
    }  # fmt: skip
    assert (found["total"], found["endorsements"], found["signatures"], found["shares"]) == (1234, 1234, 0, 5)
    assert found["people"] == {"low": 1234, "high": 1234, "estimate": None, "error": None}
    assert (found["goal"], found["next"]) == (1000, 2500)
    (origin,) = found["hosts"]
    assert (origin["host"], origin["state"], origin["signatures"]) == ("ours.test", "origin", 0)
    assert origin["organisation"] == "Friends of the Old Forest"
    assert "1,234 of 1,000 (123%)" in shell.run("support", "forest").stdout


def test_support_shows_countries_on_their_way_and_what_was_counted_elsewhere(shell: Shell) -> None:
    shell.run(
        "campaign", "new", shell.file(CALL.replace("goal: 1000", "thresholds: eci\nregistered: 2024-09-01"))
    )
    shell.run("campaign", "publish", "forest")
    elsewhere = (
        "campaign",
        "elsewhere",
        "add",
        "forest",
        "9000",
        "--source",
        "On paper",
        "--on",
        "2025-05-01",
    )
    shell.run(*elsewhere, "--country", "MT")

    async def sign(session: AsyncSession) -> None:
        campaign = await campaigns.by_slug(session, "forest")
        assert campaign is not None
        coalition = await coalitions.of_campaign(session, campaign.id)
        assert coalition is not None
        coalition.signatures = 6320
        for country, number in (("MT", 4320), ("LU", 2000)):
            session.add(CountryCount(coalition_id=coalition.id, country=country, signatures=number))

    shell.change(sign)
    found = shell.listing("support", "forest")
    assert (found["total"], found["goal"], found["next"]) == (6320, 1_000_000, 10_000)
    assert found["elsewhere"] == [
        {"source": "On paper", "count": 9000, "country": "MT", "date": "2025-05-01"},
    ]
    said = shell.run("support", "forest").stdout.splitlines()
    place = said.index("1 of the 7 countries that are needed reach their threshold:")
    assert [line.split() for line in said[place + 2 : place + 5]] == [
        ["MT", "4,320", "4,320", "100%"],
        ["LU", "2,000", "4,320", "46%"],
        ["AT", "0", "14,400", "0%"],
    ]
    place = said.index("Counted elsewhere, and not in the total:")
    assert said[place + 2].split() == ["On", "paper", "MT", "9,000", "2025-05-01"]


def test_users_are_added_and_listed(shell: Shell) -> None:
    assert "Password: " in shell.run("user", "add", "bob@ours.test", "--role", "moderator").stdout
    listed = [(each["email"], each["role"]) for each in shell.listing("user", "list")]
    assert listed == [("alice@ours.test", "owner"), ("bob@ours.test", "moderator")]
    assert shell.refused("user", "add", "BOB@ours.test") == "BOB@ours.test is a user already"
    assert "no mail address" in shell.refused("user", "add", "bob", status=2)
    shell.run("user", "add", "carol@ours.test", "--role", "king", status=2)


def test_somebody_locked_out_is_let_in_from_the_command_line(shell: Shell) -> None:
    shell.run("user", "add", "bob@ours.test", "--role", "reader")
    assert "Password: " in shell.run("user", "password", "bob@ours.test").stdout
    shell.run("user", "reset-second-step", "bob@ours.test")
    shell.run("user", "disable", "bob@ours.test")
    assert shell.listing("user", "list")[1]["disabled"] is not None
    shell.run("user", "enable", "bob@ours.test")
    assert shell.listing("user", "list")[1]["disabled"] is None
    assert shell.refused("user", "role", "carol@ours.test", "owner") == "There is no user carol@ours.test."
    for words in (("user", "disable", "alice@ours.test"), ("user", "role", "alice@ours.test", "reader")):
        assert shell.refused(*words) == "Somebody else must be an owner first."
    shell.run("user", "role", "bob@ours.test", "owner")
    shell.run("user", "disable", "alice@ours.test")


def test_testimonies_and_reports_wait_for_a_moderator(shell: Shell) -> None:
    shell.run("campaign", "new", shell.file())
    shell.run("campaign", "publish", "forest")

    async def arrive(session: AsyncSession) -> None:
        campaign = await campaigns.by_slug(session, "forest")
        assert campaign is not None
        (bob,) = await rows.people(session, "bob@elsewhere.example", now=NOW)
        await testimonies.put(
            session,
            campaign_id=campaign.id,
            actor_id=bob.id,
            note_uri="https://elsewhere.example/1",
            in_reply_to="https://ours.test/campaigns/forest",
            url=None,
            html="<p>I played\u001b[31m there</p>",
            signed_at=NOW,
            published_at=NOW,
            now=NOW,
        )
        await reports.add(session, actor_id=bob.id, objects=["https://ours.test/x"], content="Spam!", now=NOW)

    shell.change(arrive)
    (waiting,) = shell.listing("moderate", "testimonies")
    assert (waiting["author"], waiting["campaign"]) == ("@bob@elsewhere.example", "forest")
    # What strangers write moves no cursor.
    assert "\u001b" not in shell.run("moderate", "testimonies").stdout
    shell.run("moderate", "allow", str(waiting["id"]))
    assert shell.listing("moderate", "testimonies") == []
    shell.run("moderate", "hide", str(waiting["id"]))
    assert "no testimony 99" in shell.refused("moderate", "allow", "99")
    (report,) = shell.listing("moderate", "reports")
    assert (report["host"], report["text"]) == ("elsewhere.example", "Spam!")
    shell.run("moderate", "handled", str(report["id"]))
    assert shell.listing("moderate", "reports") == []
    assert "no open report" in shell.refused("moderate", "handled", str(report["id"]))


def test_hosts_are_blocked_and_let_in_again(shell: Shell) -> None:
    shell.run("moderate", "block", "evil.example", "--reason", "spam")
    assert "before" in shell.run("moderate", "block", "evil.example").stdout
    (blocked,) = shell.listing("moderate", "blocks")
    assert (blocked["target"], blocked["reason"]) == ("evil.example", "spam")
    shell.run("moderate", "unblock", "evil.example")
    assert shell.listing("moderate", "blocks") == []
    assert "not blocked" in shell.refused("moderate", "unblock", "evil.example")
    shell.refused("moderate", "block", "no host at all", status=2)


def test_a_wave_is_released_or_purged(shell: Shell) -> None:
    shell.run("campaign", "new", shell.file())
    shell.run("campaign", "publish", "forest")

    async def arrive(session: AsyncSession) -> None:
        subject = await shell.actor_id(session)
        for person in await rows.people(
            session, "bob@a.example", "carol@a.example", "dave@b.example", now=NOW
        ):
            await rows.say(session, Key(subject, "endorsement", person.id), held=True, now=NOW)

    shell.change(arrive)
    shell.run("doctor", "--offline", "--repair")
    assert shell.listing("moderate", "held") == [
        {"host": "a.example", "campaign": "forest", "endorsements": 2},
        {"host": "b.example", "campaign": "forest", "endorsements": 1},
    ]
    shell.run("moderate", "release", "a.example")
    assert shell.listing("support", "forest")["total"] == 2
    assert "1 endorsements" in shell.run("moderate", "purge", "b.example").stdout
    assert shell.listing("moderate", "held") == []
    shell.run("moderate", "purge", "a.example")
    assert shell.listing("support", "forest")["total"] == 0
    assert "unknown.example" in shell.refused("moderate", "release", "unknown.example")
    shell.run("doctor", "--offline")


def test_doctor_finds_counts_that_disagree_and_repairs_them(shell: Shell) -> None:
    shell.run("campaign", "new", shell.file())
    shell.run("campaign", "publish", "forest")

    async def lie(session: AsyncSession) -> None:
        subject = await shell.actor_id(session)
        session.add(
            Counts(subject_id=subject, endorsements=3, shares=0, subscriptions=0, held=0, changed_at=NOW)
        )

    shell.change(lie)
    found = shell.findings(status=1)["counts"]
    assert (found["state"], found["advice"]) == ("problem", "run `fedicause doctor --repair`")
    assert "forest" in found["text"]
    shell.findings("--repair")
    assert shell.findings()["counts"]["state"] == "ok"


def test_doctor_finds_a_secret_that_others_can_read_or_that_is_another(shell: Shell, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(Path(shell.environment["FEDICAUSE_SECRET_FILE"] or "").read_bytes())
    secret.chmod(0o640)
    there = str(secret)
    assert shell.findings(status=1, FEDICAUSE_SECRET_FILE=there)["secret"]["advice"] == f"chmod 600 {secret}"
    secret.chmod(0o600)
    assert shell.findings(FEDICAUSE_SECRET_FILE=there)["secret"]["state"] == "ok"
    secret.write_bytes(secret.read_bytes().swapcase())
    assert shell.findings(status=1, FEDICAUSE_SECRET_FILE=there)["keys"]["state"] == "problem"
    secret.unlink()
    found = shell.findings(status=1, FEDICAUSE_SECRET_FILE=there)
    assert (found["secret"]["state"], found["keys"]["state"]) == ("problem", "problem")
    assert "can't be read" in shell.refused("campaign", "new", shell.file(), FEDICAUSE_SECRET_FILE=there)


def test_doctor_finds_another_address_and_a_private_one(shell: Shell) -> None:
    assert shell.findings(status=1, FEDICAUSE_URL="https://new.test")["host"]["state"] == "problem"
    found = shell.findings(status=1, FEDICAUSE_URL="https://10.0.0.1")
    assert found["address"]["state"] == "problem"
    assert shell.findings(FEDICAUSE_DEV="1")["address"]["state"] == "warning"


def test_doctor_finds_a_clock_that_went_back_and_a_queue_that_nobody_works_on(shell: Shell) -> None:
    shell.run("campaign", "new", shell.file())
    shell.run("campaign", "publish", "forest")

    async def leave(session: AsyncSession) -> None:
        actor = await local_actors.by_name(session, "forest")
        assert actor is not None
        actor.created_at = datetime.now(UTC) + timedelta(hours=2)
        session.add(
            Delivery(
                activity_id=1,
                inbox="https://a.example/inbox",
                host="a.example",
                created_at=NOW,
                next_at=datetime.now(UTC) - timedelta(hours=1),
            )
        )

    shell.change(leave)
    found = shell.findings(status=1)
    assert (found["clock"]["state"], found["deliveries"]["state"]) == ("problem", "problem")
    assert "1 waiting" in found["deliveries"]["text"]
    assert "fedicause work" in shell.run("doctor", "--offline", status=1).stdout

    async def pause(session: AsyncSession) -> None:
        session.add(
            Host(name="a.example", first_seen_at=NOW, paused_until=datetime.now(UTC) + timedelta(hours=1))
        )

    shell.change(pause)
    assert shell.findings(status=1)["deliveries"]["state"] == "ok"


def test_migrate_says_whether_there_was_anything_to_do(shell: Shell, tmp_path: Path) -> None:
    assert "was up to date" in shell.run("migrate").stdout
    empty = f"sqlite:///{tmp_path / 'none.db'}"
    assert "fedicause init" in shell.refused("migrate", FEDICAUSE_DATABASE=empty)


def test_an_older_database_is_not_worked_with(shell: Shell) -> None:
    async def age(session: AsyncSession) -> None:
        from sqlalchemy import text

        await session.execute(text("DELETE FROM alembic_version"))

    shell.change(age)
    assert "fedicause migrate" in shell.refused("campaign", "list")
    assert "fedicause migrate" in shell.refused("serve")
    assert shell.findings(status=1)["schema"]["advice"] == "run `fedicause migrate`"


def test_every_listing_can_be_read_by_programs(shell: Shell) -> None:
    for words in (
        ("campaign", "list"),
        ("user", "list"),
        ("moderate", "testimonies"),
        ("moderate", "reports"),
        ("moderate", "blocks"),
        ("moderate", "held"),
    ):
        assert isinstance(shell.listing(*words), list)


def test_an_unreachable_database_is_one_sentence(shell: Shell) -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"
    assert "can't be reached" in shell.refused("campaign", "list", FEDICAUSE_DATABASE=url)


def test_recipients_of_letters_are_read_from_a_table(shell: Shell) -> None:
    shell.run("campaign", "new", shell.file(CALL.replace("goal: 1000", "kind: message")))
    table = shell.file("name;mail;postcodes\nAda Oak;ada@town.example;39040-39043\n", "targets.csv")
    said = shell.run("campaign", "targets", "forest", table).stdout
    assert said == "Letters of `forest` can go to 1 recipient\n"
    (ada,) = shell.listing("campaign", "targets", "forest")
    assert (ada["name"], ada["postcodes"], ada["sent"], ada["waiting"]) == ("Ada Oak", "39040-39043", 0, 0)
    wrong = shell.file("name,mail\nAda,ada\n", "wrong.csv")
    assert "line 2: `mail` is no mail address" in shell.refused(
        "campaign", "targets", "forest", wrong, status=2
    )
    shell.run("campaign", "new", shell.file(CALL.replace("slug: forest", "slug: river")))
    assert "nobody to write to" in shell.refused("campaign", "targets", "river", table)
