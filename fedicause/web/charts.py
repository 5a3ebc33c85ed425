"""How a campaign's support grew and where it comes from: charts for everybody, and as files for a report."""

from typing import Final

from aiohttp import web
from msgspec import Struct

from fedicause import support, words
from fedicause.instance import Instance
from fedicause.web import cached, gather, headers, plots, reports, served, views
from fedicause.web.cached import Rendered
from fedicause.web.growth import ENDORSEMENTS, OTHERS, Growth
from fedicause.web.growth import read as read_growth
from fedicause.web.keys import INSTANCE, SHELF
from fedicause.web.plots import Bar, Frame
from fedicause.web.standings import OTHER, Standing
from storage import campaigns, coalitions, foreign, history

PICTURES: Final = ("growth", "organisations", "countries")
_BARS: Final = 30

routes = web.RouteTableDef()


class ChartsPage(Struct, frozen=True):
    """What the charts of a campaign show; `page` is the campaign's own."""

    page: views.CampaignPage
    growth: Growth

    @property
    def site(self) -> views.Site:
        return self.page.site

    @property
    def path(self) -> str:
        return f"{self.page.card.path}/progress"

    @property
    def languages(self) -> frozenset[str]:
        return self.page.languages

    @property
    def standing(self) -> Standing:
        return self.page.standing

    def named(self, layer: plots.Layer, language: str) -> str:
        if layer.name == ENDORSEMENTS:
            return words.gettext(language, "Endorsements ☆")
        if layer.name == OTHERS:
            return words.gettext(language, "others")
        return layer.name

    def drawn(self, language: str, frame: Frame, *, is_file: bool = False) -> str:
        progress = self.page.card.progress
        said = words.gettext(language, "Support over time")
        named = [
            plots.Layer(self.named(layer, language), layer.ink, layer.values) for layer in self.growth.layers
        ]
        return plots.areas(
            self.growth.days,
            named,
            goal=progress.goal,
            language=language,
            frame=frame,
            said=f"{said}: {words.number(language, progress.total)}",
            is_file=is_file,
        )

    def wide(self, language: str) -> str:
        return self.drawn(language, plots.WIDE)

    def narrow(self, language: str) -> str:
        return self.drawn(language, plots.NARROW)

    @property
    def files(self) -> list[str]:
        return [name for name in PICTURES if self.has(name)]

    def has(self, name: str) -> bool:
        """Whether there is anything to draw."""
        if name == "growth":
            return self.growth.is_drawn
        return bool(self.standing.countries if name == "countries" else self.standing.parts)

    def file(self, name: str, language: str) -> str:
        """One of PICTURES, as it stands alone."""
        if name == "growth":
            return self.drawn(language, plots.FILE, is_file=True)
        if name == "organisations":
            said = words.gettext(language, "Support by organisation")
            rows = [
                Bar(
                    words.gettext(language, "Endorsements ☆")
                    if part.state == "endorsements"
                    else part.organisation,
                    part.number,
                    part.bar.ink,
                )
                for part in self.standing.parts
                if part.state != "excluded"
            ]
        else:
            said = words.gettext(language, "Signatures by country")
            rows = self._countries(language)
        return plots.bars(rows[:_BARS], language=language, said=said)

    def _countries(self, language: str) -> list[Bar]:
        race = self.standing.race
        if race is not None:
            return [
                Bar(
                    words.country(language, each.country),
                    each.signatures,
                    mark=each.threshold,
                    is_done=each.reached,
                )
                for each in (*race.first, *race.others)
            ]
        return [
            Bar(
                words.gettext(language, "Other countries, or unknown")
                if each.code == OTHER
                else words.country(language, each.code),
                each.signatures,
            )
            for each in self.standing.countries
        ]


@routes.get("/campaigns/{address}/progress")
async def show(request: web.Request) -> web.Response:
    """The charts of a campaign that is shown here."""
    slug, origin = served.split_address(request.match_info["address"])
    instance = request.app[INSTANCE]
    return await reports.answer(request, "charts.html", (slug, origin), lambda: look(instance, slug, origin))


@routes.get(r"/campaigns/{address}/progress/{name:[a-z]+}.svg")
async def picture(request: web.Request) -> web.Response:
    """One chart as a file, in the language that `?lang=` asks for."""
    slug, origin = served.split_address(request.match_info["address"])
    name = request.match_info["name"]
    if name not in PICTURES:
        raise gather.Missing(name)
    instance = request.app[INSTANCE]
    shown = await request.app[SHELF].look(("charts.html", slug, origin), lambda: look(instance, slug, origin))
    if not shown.view.has(name):
        raise gather.Missing(name)
    lang = request.query.get("lang", "")
    language = lang if lang in words.LANGUAGES else shown.view.site.language
    language = language if language in words.LANGUAGES else words.SOURCE
    sent = {**headers.FILE, "Content-Type": "image/svg+xml", "Cache-Control": "public, max-age=60"}
    rendered = request.app[SHELF].rendered(
        shown, (name, language), lambda view: Rendered(view.file(name, language).encode(), sent)
    )
    return cached.answer(request, rendered)


async def look(instance: Instance, slug: str, origin: str | None) -> ChartsPage:
    """What the charts show; raises gather.Missing and gather.Gone."""
    if origin is None or origin == instance.settings.host:
        page = await gather.campaign(instance, slug)
        async with instance.database.reading() as session:
            ours = await campaigns.by_slug(session, slug)
            if ours is None:
                raise gather.Missing(slug)
            coalition = await coalitions.of_campaign(session, ours.id)
            counted = await support.of_campaign(session, instance.urls, ours, instance.now())
            points = await history.of(session, coalition.id) if coalition else []
    else:
        page = await gather.hosted(instance, slug, origin)
        async with instance.database.reading() as session:
            theirs = await foreign.by_address(session, slug, origin)
            if theirs is None:
                raise gather.Missing(slug)
            coalition = await coalitions.of_foreign(session, theirs.id)
            counted = await support.of_foreign(session, instance.urls, theirs, instance.now())
            points = await history.of(session, coalition.id) if coalition else []
    return ChartsPage(page, read_growth(points, counted, instance.now().date()))
