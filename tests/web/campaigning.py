"""What a campaigner does in the browser, and what came of it."""

import io
import re
from html import unescape
from typing import Final

import aiohttp
from PIL import Image
from sqlalchemy import select

from fedicause.instance import Instance
from storage import campaigns
from storage.models import Activity, Campaign, CampaignText
from storage.staff_models import Audit
from tests.web.staff import Answer, Browser

RIVER: Final = {
    "title": "A clean river",
    "slug": "",
    "kind": "petition",
    "language": "en",
    "topic": "Water",
    "text": "The river **stinks**. We ask the council to clean it.",
    "goal": "1,000",
    "ends": "2027-03-31",
    "asks-postcode": "must",
    "asks-phone": "may",
    "privacy": "We keep the names until the council has them.",
}
FOREST: Final = {
    "title": "Save the old forest",
    "kind": "petition",
    "topic": "Environment",
    "goal": "1000",
    "text": "The old forest between the two villages is **200 years old**. It is to be felled in spring.\n\n"
    "We ask the council to keep it.",
}
"""The form of the campaign `forest` as it is kept."""
_HIDDEN: Final = re.compile(r'name="(seen|base|picture_kept)" value="([^"]*)"')


def hidden(answer: Answer) -> dict[str, str]:
    """What the form says about itself, which its browser sends back."""
    return {name: unescape(value) for name, value in _HIDDEN.findall(answer.text)}


def photo(size: tuple[int, int] = (300, 200)) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", size, (20, 120, 40)).save(drawn, "JPEG")
    return drawn.getvalue()


async def send(browser: Browser, path: str, fields: dict[str, str], picture: bytes) -> Answer:
    """Sends a form with a file."""
    form = aiohttp.FormData({"csrf": browser.csrf} | fields)
    form.add_field("picture", picture, filename="river.jpg", content_type="image/jpeg")
    return await browser.post_files(path, form)


async def kept(instance: Instance, slug: str = "a-clean-river") -> tuple[Campaign, dict[str, CampaignText]]:
    """The campaign and its texts, as they are in the database."""
    async with instance.database.reading() as session:
        campaign = await campaigns.by_slug(session, slug)
        assert campaign is not None
        return campaign, await campaigns.texts(session, campaign.id)


async def deeds(instance: Instance) -> list[tuple[str, str]]:
    """What the audit log says of campaigns."""
    async with instance.database.reading() as session:
        found = await session.scalars(select(Audit).where(Audit.deed.like("campaign.%")).order_by(Audit.id))
        return [(each.deed, each.about) for each in found]


async def said(instance: Instance) -> list[str]:
    """The types of all that our actors said."""
    async with instance.database.reading() as session:
        return [each.type for each in await session.scalars(select(Activity).order_by(Activity.id))]
