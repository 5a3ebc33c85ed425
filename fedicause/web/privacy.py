"""What becomes of what people write into a campaign's form: what for, how long, and who answers for it."""

from datetime import timedelta
from email.utils import parseaddr

from aiohttp import web
from msgspec import Struct

from fedicause.instance import Instance
from fedicause.signing import asks, unconfirmed
from fedicause.web import gather, reports, served, views
from fedicause.web.keys import INSTANCE
from storage import campaigns

routes = web.RouteTableDef()


class PrivacyPage(Struct, frozen=True):
    """A campaign's text about data protection; `own_words` is what the organisation adds, plain text.

    `months` is how long it is known who signed, once the campaign has ended; `days` how long what is not
    confirmed waits, `network_days` how long the network that somebody came from is remembered.
    """

    page: views.CampaignPage
    mail: str
    own_words: tuple[str, ...]
    asked: tuple[str, ...]
    months: int
    days: int
    network_days: int

    @property
    def site(self) -> views.Site:
        return self.page.site

    @property
    def path(self) -> str:
        return f"{self.page.card.path}/privacy"

    @property
    def languages(self) -> frozenset[str]:
        return self.page.languages


@routes.get("/campaigns/{address}/privacy")
async def show(request: web.Request) -> web.Response:
    slug, origin = served.split_address(request.match_info["address"])
    instance = request.app[INSTANCE]
    return await reports.answer(
        request, "privacy.html", (slug, origin), lambda: _look(instance, slug, origin)
    )


async def _look(instance: Instance, slug: str, origin: str | None) -> PrivacyPage:
    settings = instance.settings
    months, own_words = settings.retention_months, ""
    asked: tuple[str, ...] = ()
    if origin is None or origin == settings.host:
        page = await gather.campaign(instance, slug)
        async with instance.database.reading() as session:
            ours = await campaigns.by_slug(session, slug)
        if ours is not None:
            months = months if ours.retention_months is None else ours.retention_months
            own_words = (ours.privacy or "").replace("\r\n", "\n")
            asked = tuple(ask.field for ask in asks.read(ours.asks))
    else:
        page = await gather.hosted(instance, slug, origin)
    _, mail = parseaddr(settings.mail_from or "")
    return PrivacyPage(
        page=page,
        mail=mail,
        own_words=tuple(part.strip() for part in own_words.split("\n\n") if part.strip()),
        asked=asked,
        months=months,
        days=unconfirmed.FORGOTTEN_AFTER // timedelta(days=1),
        network_days=unconfirmed.NETWORKS_KEPT_FOR // timedelta(days=1),
    )
