"""An organiser's path in the browser: everything from the first campaign to its handover, after `init`."""

import io
import re
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import DESKTOP
from tests.clock import Clock
from tests.coalitions import Running
from tests.fediverse import Fediverse
from tests.mailbox import Reader
from tests.postbox import Postbox, open_postbox
from tests.process import Process, eventually
from tests.web import campaigning

FAKES = 12
PATH = "/campaigns/river"


@asynccontextmanager
async def organisation(directory: Path, name: str, handle: str, post: Postbox) -> AsyncIterator[Process]:
    """Set up as the README says, and serving; nothing else is done by the command line."""
    directory.mkdir()
    process = Process(directory)
    process.environment["FEDICAUSE_SMTP"] = post.url
    said = await process.command(
        "init", "--name", name, "--handle", handle, "--admin-email", "alice@ours.test"
    )
    found = re.search(r"password +(\S+)", said)
    assert found is not None
    process.environment["PASSWORD_OF_ALICE"] = found[1]
    await process.start()
    try:
        yield process
    finally:
        await process.stop()


async def come_in(page: Page, process: Process) -> None:
    await page.goto(f"{process.url}/admin/login")
    await page.get_by_label("Mail address").fill("alice@ours.test")
    await page.get_by_label("Password").fill(process.environment["PASSWORD_OF_ALICE"])
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_url("**/admin")


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport=DESKTOP, locale="en-GB", accept_downloads=True)
    page = await context.new_page()
    page.set_default_timeout(20_000)
    yield page
    await context.close()


@pytest.mark.timeout(300)
async def test_from_the_first_campaign_to_the_handover(browser: Browser, page: Page, tmp_path: Path) -> None:
    expect.set_options(timeout=20_000)
    async with (
        open_postbox() as post,
        organisation(tmp_path / "ours", "River Watch", "river-watch", post) as ours,
        organisation(tmp_path / "ally", "Alpine Allies", "allies", post) as ally,
    ):
        await come_in(page, ours)
        await write_and_publish(page, tmp_path)
        await let_a_partner_in(browser, page, ours, ally)
        async with Reader(ours, post) as reader:
            await supporters_and_fakes(reader, ours, Running(datetime.now(UTC)))
        await allow_the_reply(page, ours)
        await take_out_the_fakes(page, ours)
        await see_the_charts(page, ours)
        await hand_over(page, ours, tmp_path)


async def write_and_publish(page: Page, directory: Path) -> None:
    photo = directory / "river.jpg"
    photo.write_bytes(campaigning.photo((800, 400)))
    await page.get_by_role("link", name="Campaigns").first.click()
    await page.get_by_role("link", name="New campaign").click()
    await page.get_by_label("Title").fill("A clean river")
    await page.get_by_label("Address").fill("river")
    await page.get_by_label("Topic").fill("Water")
    await page.get_by_label("Text", exact=True).fill("The river **stinks**. We ask the council to clean it.")
    await page.get_by_label("Goal", exact=True).fill("500")
    await page.get_by_label("Choose a picture").set_input_files(photo)
    await page.get_by_label("What it shows").fill("A brown river")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("The draft is saved.")).to_be_visible()
    await page.get_by_role("link", name="Translations").click()
    await page.get_by_role("link", name="Translate (German)").click()
    await page.get_by_label("Title").fill("Ein sauberer Fluss")
    await page.get_by_label("Text", exact=True).fill("Er **stinkt**.")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_role("link", name="Publish", exact=True).click()
    await page.get_by_role("button", name="Publish now").click()
    await expect(page.get_by_text("The campaign is public")).to_be_visible()


async def let_a_partner_in(browser: Browser, page: Page, ours: Process, ally: Process) -> None:
    """The ally's admin asks in a browser as well."""
    context = await browser.new_context(viewport=DESKTOP, locale="en-GB")
    other = await context.new_page()
    await come_in(other, ally)
    await other.goto(f"{ally.url}/admin/partners")
    await other.get_by_label("Join a campaign").fill(f"{ours.url}{PATH}")
    await other.get_by_role("button", name="Ask to join").click()
    await expect(other.get_by_text("is asked to let you join")).to_be_visible()

    async def has_asked() -> bool:
        await page.goto(f"{ours.url}/admin/partners")
        return await page.get_by_role("button", name="Let in").is_visible()

    await eventually(has_asked, within=20)
    await page.get_by_role("button", name="Let in").click()
    await expect(page.get_by_text("It is a partner now")).to_be_visible()

    async def is_hosted() -> bool:
        answer = await other.goto(f"{ally.url}{PATH}@127.0.0.1:{ours.port}")
        return answer is not None and answer.ok and await other.get_by_label("Your name").is_visible()

    await eventually(is_hosted, within=20)
    await context.close()


async def supporters_and_fakes(reader: Reader, ours: Process, clock: Clock) -> None:
    world = Fediverse(clock, dev=True)
    world.pace = 0
    try:
        bob = await (await world.server()).person("bob")
        assert (await bob.like(f"{ours.url}{PATH}")).status == 202
        assert (await bob.reply(f"{ours.url}{PATH}", "<p>My children swim there.</p>")).status == 202
        await reader.sign(PATH, name="Ada Lang", mail="ada@mail.example", country="AT", reason="I row there.")
        for number in range(FAKES):
            await reader.sign(PATH, name=f"Fake {number}", mail=f"fake{number}@waves.example", country="IT")
    finally:
        await world.close()
    support = await ours.support("river")
    assert (support["endorsements"], support["signatures"]) == (1, 1 + FAKES)


async def allow_the_reply(page: Page, ours: Process) -> None:
    await page.goto(f"{ours.url}/admin/moderation")
    await expect(page.get_by_text("My children swim there.")).to_be_visible()
    await page.get_by_role("button", name="Show", exact=True).first.click()
    await expect(page.get_by_text("It is shown on the campaign’s page.")).to_be_visible()

    async def is_shown() -> bool:
        await page.goto(f"{ours.url}{PATH}")
        return await page.get_by_text("My children swim there.").is_visible()

    await eventually(is_shown, within=20)


async def take_out_the_fakes(page: Page, ours: Process) -> None:
    await page.goto(f"{ours.url}/admin/people/river")
    await page.get_by_role("checkbox", name="waves.example").check()
    await page.get_by_role("button", name="See how many that are").click()
    await expect(page.get_by_role("heading", name=f"Take out {FAKES} signatures?")).to_be_visible()
    assert (await ours.support("river"))["signatures"] == 1 + FAKES
    await page.get_by_role("button", name="Take them out").click()
    await expect(page.get_by_text("Counted again, one by one: 1.")).to_be_visible()

    async def is_told() -> bool:
        return bool((await ours.support("river"))["signatures"] == 1)

    await eventually(is_told, within=10)


async def see_the_charts(page: Page, ours: Process) -> None:
    await page.goto(f"{ours.url}/admin/campaigns/river")
    await page.get_by_role("link", name="Charts").click()
    await expect(page.get_by_role("heading", name="Support over time")).to_be_visible()
    line = page.get_by_role("row").filter(has_text="Alpine Allies").first
    await expect(line).to_be_visible()


async def hand_over(page: Page, ours: Process, directory: Path) -> None:
    await page.get_by_role("link", name="Handover").click()
    await page.get_by_label("To whom").fill("The council")
    await page.get_by_label("Why").fill("The hearing in spring")
    async with page.expect_download() as given:
        await page.get_by_role("button", name="Download everything").click()
    download = await given.value
    body = Path(await download.path()).read_bytes()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        names = {Path(name).suffix: name for name in archive.namelist()}
        assert set(names) == {".csv", ".pdf", ".json"}
        listed = archive.read(names[".csv"]).decode()
        assert "Ada Lang" in listed
        assert "Fake" not in listed
        assert "ada@mail.example" not in listed
        archive.extractall(directory)
    said = await ours.command(
        "handover",
        "verify",
        str(directory / names[".json"]),
        "--pdf",
        str(directory / names[".pdf"]),
        "--csv",
        str(directory / names[".csv"]),
    )
    assert f"Genuine: signed by {ours.url}/actors/river-watch" in said
