"""What was signed is handed over: a list, a paper, and a signature by which anybody can check both."""

import asyncio
import csv
import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from federation import keys, sketches
from federation.httpsig import Forged
from fedicause import cli, keyring
from fedicause.campaigning import handover, sheets
from fedicause.campaigning.matter import Order
from fedicause.here import Here
from fedicause.instance import Instance
from storage import audit, campaigns
from storage.coalition_models import Signature
from storage.models import Campaign
from tests import letters
from tests.conftest import Client
from tests.forms import get, post, sign
from tests.web import alliances, staff
from tests.web.staff import Browser

WHY = {"reason": "Handed to the council on Monday"}


@dataclass
class Package:
    """The archive as it was downloaded."""

    table: list[dict[str, str]]
    csv: bytes
    pdf: bytes
    document: dict[str, object]


async def signed(client: Client, instance: Instance, **fields: str) -> None:
    """Somebody signs and confirms."""
    assert (await sign(client, **fields)).status == 303
    letter = (await letters.waiting(instance, fields.get("mail", "bob@mail.example")))[-1]
    assert (await post(client, f"/confirm/{letter.token()}", {"lang": "en"})).status == 303


def rows(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


async def download(alice: Browser, path: str, form: dict[str, str]) -> bytes:
    cookies = "; ".join(f"{name}={value}" for name, value in alice.cookies.items())
    async with alice.client.post(
        path, data={"csrf": alice.csrf, **form}, headers={"Origin": alice.origin, "Cookie": cookies}
    ) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        return await answer.read()


async def package(alice: Browser, **form: str) -> Package:
    body = await download(alice, "/admin/campaigns/forest/handover", WHY | form)
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        assert packed.namelist() == ["signatures.csv", "handover.pdf", "handover.json"]
        sheet, paper, said = (packed.read(name) for name in packed.namelist())
    return Package(rows(sheet), sheet, paper, json.loads(said))


async def test_the_list_is_who_confirmed_and_nobody_elses_address(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await signed(client, instance, name="Bob Müller")
    await signed(
        client, instance, name="Ελένη", mail="eleni@mail.example", country="GR", **{"consent-own": "yes"}
    )
    await sign(client, name="Mallory", mail="never@mail.example")
    alice = await staff.come_in(client, instance, "campaigner")
    found = rows(await download(alice, "/admin/campaigns/forest/handover/csv", WHY))
    today = f"{instance.now():%Y-%m-%d}"
    assert found == [
        {"number": "1", "name": "Bob Müller", "country": "DE", "confirmed": today},
        {"number": "2", "name": "Ελένη", "country": "GR", "confirmed": today},
    ]
    form = {**WHY, "addresses": "agreed"}
    agreed = rows(await download(alice, "/admin/campaigns/forest/handover/csv", form))
    assert [row["mail"] for row in agreed] == ["", "eleni@mail.example"]
    form = {**WHY, "addresses": "all"}
    everybody = rows(await download(alice, "/admin/campaigns/forest/handover/csv", form))
    assert [row["mail"] for row in everybody] == ["bob@mail.example", "eleni@mail.example"]


async def test_what_the_campaign_asked_for_is_in_the_list(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    async with instance.database.writing() as session:
        found = await campaigns.by_slug(session, "forest")
        assert found is not None
        found.asks = json.dumps({"postcode": True, "phone": False})
        found.roles = json.dumps(["organiser", "translator", "driver"])
    await signed(client, instance, postcode="01067", phone="+49 351 1")
    alice = await staff.come_in(client, instance)
    async with instance.database.writing() as session:
        signature = (await session.scalars(select(Signature))).one()
        signature.ticked = 0b101
    (row,) = rows(await download(alice, "/admin/campaigns/forest/handover/csv", WHY))
    assert (row["postcode"], row["phone"]) == ("01067", "'+49 351 1")
    assert row["chosen"] == "organiser; driver"


async def test_a_name_is_no_formula(client: Client, instance: Instance, campaign: Campaign) -> None:
    evil = ["=A1+1", "+Bob", "@SUM(A1)", "＝Bob", '=HYPERLINK("https://evil.test")']
    for number, name in enumerate(evil):
        await signed(client, instance, name=name, mail=f"m{number}@mail.example")
    alice = await staff.come_in(client, instance)
    body = await download(alice, "/admin/campaigns/forest/handover/csv", WHY)
    assert [row["name"] for row in rows(body)] == [f"'{name}" for name in evil]


def test_cells_that_begin_a_formula_are_defused_and_others_left_alone() -> None:
    assert [sheets.cell(each) for each in ("\t=1", "\r=1", "\n=1", "Jean-Luc", "a\x00b", "")] == [
        "'\t=1", "'\r=1", "'\n=1", "Jean-Luc", "ab", ""
    ]  # fmt: skip


async def test_the_paper_and_the_list_are_vouched_for(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await signed(client, instance)
    alice = await staff.come_in(client, instance)
    made = await package(alice, recipients="The Council of Wald", names="yes", language="de")
    files = {file["mediaType"]: file for file in made.document["fc:files"]}  # type: ignore[attr-defined]
    assert files["text/csv"]["fc:sha256"] == hashlib.sha256(made.csv).hexdigest()
    assert files["application/pdf"]["fc:sha256"] == hashlib.sha256(made.pdf).hexdigest()
    assert made.document["fc:signatures"] == 1
    assert made.pdf.startswith(b"%PDF-")
    # The page and the document are public, and tell of nobody.
    page = await get(client, "/campaigns/forest/handovers")
    assert page.status == 200
    assert hashlib.sha256(made.pdf).hexdigest() in page.text
    async with client.get("/campaigns/forest/handovers/1") as answer:
        assert await answer.json() == made.document
        assert "Bob" not in await answer.text()
    assert (await get(client, "/campaigns/forest/handovers/2")).status == 404

    key_for = keyring.with_our_own(instance, _nobody)
    sheet, paper = io.BytesIO(made.csv), io.BytesIO(made.pdf)
    given = {"text/csv": sheet, "application/pdf": paper}
    told = await handover.verify(made.document, key_for, files=given, now=instance.now())
    assert told.author == "https://ours.test/actors/org"
    changed = {"text/csv": io.BytesIO(made.csv + b"3,Mallory,XX,2026-11-21\r\n")}
    with pytest.raises(Forged, match=r"signatures\.csv"):
        await handover.verify(made.document, key_for, files=changed, now=instance.now())
    lie = {**made.document, "fc:signatures": 1_000_000}
    with pytest.raises(Forged):
        await handover.verify(lie, key_for, files={}, now=instance.now())


async def test_the_paper_is_printed_in_every_language_whatever_people_are_called(
    client: Client, instance: Instance, campaign: Campaign, caplog: pytest.LogCaptureFixture
) -> None:
    for place, name in enumerate(["Ελένη Παπαδοπούλου", "Олена Шевченко", "王小明", "X" * 100, "\u202eBob"]):
        await signed(client, instance, name=name, mail=f"m{place}@mail.example")
    async with instance.database.reading() as session:
        matter = await handover.find(session, Here.at(instance), "forest", None)
    assert matter is not None
    sizes = set()
    for language in ("en", "it", "de", "fr"):
        order = Order("Ἡ Βουλή", "none", names=True, language=language)
        sheet = await handover.write(instance.database, instance.seal, matter, order, io.BytesIO())
        printed = await handover.print_paper(matter, sheet, order, instance.settings.media, instance.now())
        assert f"/Lang ({language})".encode() in printed
        sizes.add(len(printed))
    assert len(sizes) == 4
    # The names of people are in no log, not even letters of them.
    assert not caplog.records


async def test_the_command_checks_without_asking_anybody_where_the_key_is_given(
    client: Client, instance: Instance, campaign: Campaign, tmp_path: Path
) -> None:
    await signed(client, instance)
    alice = await staff.come_in(client, instance)
    made = await package(alice)
    for name, body in (
        ("signatures.csv", made.csv),
        ("handover.pdf", made.pdf),
        ("handover.json", json.dumps(made.document).encode()),
    ):
        (tmp_path / name).write_bytes(body)
    page = (await get(client, "/campaigns/forest/handovers")).text
    key = re.search(r"<code>(z6Mk\w+)</code>", page)
    assert key is not None

    async def verify(*more: str) -> Result:
        command = ["handover", "verify", str(tmp_path / "handover.json"), *more]
        return await asyncio.to_thread(CliRunner().invoke, cli.main, command)

    given = ["--pdf", str(tmp_path / "handover.pdf"), "--csv", str(tmp_path / "signatures.csv")]
    right = await verify(*given, "--key", key[1])
    assert (right.exit_code, "Genuine: signed by https://ours.test/actors/org" in right.output) == (0, True)
    other = keys.multikey(keys.generate_ed25519().public_key())
    assert (await verify(*given, "--key", other)).exit_code == 1
    (tmp_path / "signatures.csv").write_bytes(made.csv + b"2,Mallory,XX,2026-11-21\r\n")
    wrong = await verify(*given, "--key", key[1])
    assert wrong.exit_code == 1
    assert "this is not the signatures.csv that was handed over" in wrong.output


async def test_every_export_is_audited_with_its_reason(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await signed(client, instance)
    alice = await staff.come_in(client, instance)
    for path in ("/admin/campaigns/forest/handover", "/admin/campaigns/forest/handover/csv"):
        refused = await alice.post(path, {"reason": "  "})
        assert refused.status == 422
        assert "Please say why" in refused.text
    await download(alice, "/admin/campaigns/forest/handover/csv", WHY | {"addresses": "all"})
    await package(alice)
    async with instance.database.reading() as session:
        page = await audit.page(session, limit=2)
    assert [(each.deed, each.about) for each in page.entries] == [
        ("handover.pack", f"forest (none): {WHY['reason']}"),
        ("handover.csv", f"forest (all): {WHY['reason']}"),
    ]


@pytest.mark.parametrize("role", ["moderator", "reader"])
async def test_who_may_not_see_people_hands_out_nothing(
    client: Client, instance: Instance, campaign: Campaign, role: str
) -> None:
    bob = await staff.come_in(client, instance, role)
    assert (await bob.get("/admin/campaigns/forest/handover")).status == 403
    for path in ("/admin/campaigns/forest/handover", "/admin/campaigns/forest/handover/csv"):
        assert (await bob.post(path, WHY)).status == 403
    assert (await Browser(client).get("/admin/campaigns/forest/handover")).status == 303


async def test_before_anybody_signed_the_pages_say_so(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    alice = await staff.come_in(client, instance)
    page = await alice.get("/admin/campaigns/forest/handover")
    assert (page.status, "Nobody has signed yet" in page.text) == (200, True)


async def test_the_command_line_hands_over_the_same(
    client: Client, instance: Instance, campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await signed(client, instance)
    given = instance.settings
    for name, value in (
        ("FEDICAUSE_URL", given.url),
        ("FEDICAUSE_DATA", str(given.data)),
        ("FEDICAUSE_DATABASE", given.database),
        ("FEDICAUSE_SECRET_FILE", str(given.secret_file)),
    ):
        monkeypatch.setenv(name, value)
    out = tmp_path / "out"
    command = ["campaign", "handover", "forest", str(out), "--reason", "For the council", "--names"]
    made = await asyncio.to_thread(CliRunner().invoke, cli.main, command)
    assert made.exit_code == 0, made.output
    files = {path.name: path for path in out.iterdir()}
    assert sorted(files) == ["handover.json", "handover.pdf", "signatures.csv"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in files.values())
    assert [row["name"] for row in rows(files["signatures.csv"].read_bytes())] == ["Bob Miller"]
    document = json.loads(files["handover.json"].read_bytes())
    with files["handover.pdf"].open("rb") as paper:
        key_for = keyring.with_our_own(instance, _nobody)
        files_given: dict[str, IO[bytes]] = {"application/pdf": paper}
        await handover.verify(document, key_for, files=files_given, now=datetime.now(UTC))
    async with instance.database.reading() as session:
        latest = (await audit.page(session, limit=1)).entries[0]
    assert (latest.email, latest.about) == (None, "forest (none): For the council")


async def test_a_partner_hands_over_what_it_collected_for_the_campaign_of_another(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    path, now = "clean-river@ally.test", instance.now()
    async with instance.database.writing() as session:
        river = await alliances.foreign(
            session, alliances.ALLY, "Alpine Allies", "clean-river", {"en": ("Clean water", "")}, now=now
        )
        key = instance.seal.close(sketches.new_key())
        coalition = await alliances.coalition(
            session, river.actor_uri, foreign_id=river.id, sketch_key_sealed=key
        )
        await alliances.follow(session, alliances.ALLY, "Alpine Allies", now=now)
        await alliances.member(session, coalition, alliances.OURS, "Friends of the Old Forest", now=now)
    assert (await sign(client, path, **{"consent-origin": "yes"})).status == 303
    letter = (await letters.waiting(instance))[-1]
    assert (await post(client, f"/confirm/{letter.token()}", {"lang": "en"})).status == 303
    alice = await staff.come_in(client, instance)
    form = {**WHY, "addresses": "agreed"}
    (row,) = rows(await download(alice, f"/admin/campaigns/{path}/handover/csv", form))
    # They agreed that the others write to them, not that we do.
    assert (row["name"], row["mail"]) == ("Bob Miller", "")
    for page in ("charts", "handover"):
        assert (await alice.get(f"/admin/campaigns/{path}/{page}")).status == 200
    for page in ("progress", "privacy", "handovers"):
        shown = await get(client, f"/campaigns/{path}/{page}")
        assert (shown.status, "Clean water" in shown.text) == (200, True)


async def test_there_is_nothing_to_hand_over_of_what_is_not_there(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    alice = await staff.come_in(client, instance)
    for address in ("nothing", "forest@elsewhere.test", "a%20b"):
        assert (await alice.get(f"/admin/campaigns/{address}/handover")).status == 404
        assert (await get(client, f"/campaigns/{address}/handovers")).status == 404


async def _nobody(key_id: str, *, fresh: bool) -> keys.Key:
    raise Forged(key_id)
