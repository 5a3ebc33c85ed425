"""Somebody has signed: thanks, and the ways to pass the campaign on."""

from io import BytesIO
from typing import Final
from urllib.parse import quote, urlencode

from aiohttp import web

from federation import discovery, vocabulary
from federation.vocabulary import Malformed
from fedicause.web import gather, headers, public, render, sign, views
from fedicause.web.keys import INSTANCE
from storage import coalitions, share_links
from storage.share_links import Link

_LONGEST: Final = 300

routes = web.RouteTableDef()


@routes.get("/signed/{token}")
async def signed(request: web.Request) -> web.Response:
    """Thanks, and the link of whoever signed."""
    link, view = await _look(request)
    return _page(request, link, view)


@routes.get("/signed/{token}/qr.svg")
async def picture(request: web.Request) -> web.Response:
    """The link as a QR code, black on white."""
    import segno  # noqa: PLC0415 - few look at it

    link, view = await _look(request)
    code = segno.make(_address(view, link), error="m", micro=False)
    body = BytesIO()
    code.save(body, kind="svg", border=4, dark="#000", light="#fff", omitsize=True, xmldecl=False)
    return web.Response(
        body=body.getvalue(),
        headers={
            **headers.FILE,
            "Content-Type": "image/svg+xml",
            "Cache-Control": "private, max-age=86400",
        },
    )


@routes.get("/signed/{token}/post")
async def post(request: web.Request) -> web.Response:
    """303 to where a post is written on one's own server, with the link in it."""
    link, view = await _look(request)
    written = request.query.get("server", "").strip()[:_LONGEST]
    try:
        host = _host(written)
    except Malformed:
        return _page(request, link, view, written=written, status=422)
    choice = public.choose(request, view)
    title = view.card.words(choice.wanted).title
    scheme = "http" if request.app[INSTANCE].settings.dev else "https"
    asked = urlencode({"text": f"{title}\n{_address(view, link)}"}, quote_via=quote)
    return web.Response(
        status=303,
        headers={
            "Location": f"{scheme}://{host}/share?{asked}",
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        },
    )


async def _look(request: web.Request) -> tuple[Link, views.CampaignPage]:
    """The link and its campaign; raises gather.Missing and gather.Gone."""
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        link = await share_links.by_token(session, request.match_info["token"][:64])
        coalition = await coalitions.by_id(session, link.coalition_id) if link else None
        if link is None or coalition is None:
            raise gather.Missing(request.path)
        ours = await coalitions.ours(session, coalition)
        theirs = await coalitions.theirs(session, coalition)
    if ours is not None:
        return link, (await public.look_at_campaign(request, ours[0].slug)).view
    if theirs is not None:
        return link, (await public.look_at_hosted(request, theirs.slug, theirs.origin)).view
    raise gather.Missing(request.path)


def _page(
    request: web.Request,
    link: Link,
    view: views.CampaignPage,
    *,
    written: str | None = None,
    status: int = 200,
) -> web.Response:
    choice = public.choose(request, view)
    html = render.page(
        "signed.html",
        choice,
        view=view,
        site=view.site,
        path=f"/signed/{link.token}",
        link=link,
        address=_address(view, link),
        written=written,
        attempt=None,
    )
    return sign.private(request, choice, html, status)


def _address(view: views.CampaignPage, link: Link) -> str:
    return f"{view.site.url}{view.card.path}?via={link.token}"


def _host(written: str) -> str:
    """The authority in a handle, an address, or a host's bare name; raises Malformed."""
    if "@" in written.strip("@"):
        return discovery.parse_handle(written).host
    if "://" in written:
        return vocabulary.host_of(written)
    host = vocabulary.host_of(f"https://{written.strip('/')}/")
    if "." not in host and ":" not in host:
        raise Malformed("no host")
    return host
