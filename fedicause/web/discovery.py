"""How we are found: WebFinger, host-meta and NodeInfo, for programs in browsers too."""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final, Literal, cast
from urllib.parse import urlsplit

from aiohttp import web

from federation import discovery, vocabulary
from federation.discovery import Handle
from federation.vocabulary import Malformed
from fedicause import __version__
from fedicause.instance import Instance
from fedicause.urls import Urls
from fedicause.web import actors, cached, gather, headers, served
from fedicause.web.cached import Rendered
from fedicause.web.keys import INSTANCE, SHELF
from storage import listings, local_actors

_HEADERS: Final = {**headers.JSON, "Vary": "Accept-Encoding"}
_JRD: Final = {
    **_HEADERS,
    "Content-Type": "application/jrd+json",
    "Cache-Control": "public, max-age=60",
}
_OTHER_SCHEME: Final = re.compile(r"(?!acct:|https?:)[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_MONTH: Final = timedelta(days=30)
_HALFYEAR: Final = timedelta(days=180)

routes = web.RouteTableDef()


@routes.get("/.well-known/webfinger")
async def webfinger(request: web.Request) -> web.Response:
    """Whom a handle, the address of an actor, or of the whole server (FEP-d556) stands for (RFC 7033)."""
    instance, shelf = request.app[INSTANCE], request.app[SHELF]
    asked = request.query.getall("resource", [])
    if len(asked) != 1:
        return _words(400, "Ask for one resource, such as ?resource=acct:name@host.")
    try:
        name = _named(instance.urls, asked[0])
        shown = await shelf.look(("webfinger", name), lambda: _descriptor(instance, name))
    except Malformed as error:
        return _words(400, f"The resource can't be read: {error}.")
    except gather.Missing:
        return _words(404, "Nobody here goes by that name.")
    except gather.Gone:
        return _words(410, "This campaign was deleted.")
    # Only what can differ is told apart, or every made-up `rel` would be a rendering of its own.
    known = frozenset(link["rel"] for link in shown.view["links"])
    rels = known.intersection(request.query.getall("rel", [])) if "rel" in request.query else known
    return cached.answer(request, shelf.rendered(shown, rels, lambda jrd: _rendered(_only(jrd, rels), _JRD)))


@routes.get("/.well-known/security.txt")
async def security(request: web.Request) -> web.Response:
    """Whom to tell of a hole (RFC 9116), where somebody said so."""
    instance = request.app[INSTANCE]
    if instance.settings.contact is None:
        raise web.HTTPNotFound
    # By then it will have been asked for anew; one that is kept for long may name nobody who is still there.
    expires = vocabulary.timestamp(instance.now() + _MONTH)
    lines = [
        f"Contact: {instance.settings.contact}",
        f"Expires: {expires}",
        f"Canonical: {instance.urls.base}/.well-known/security.txt",
        "Preferred-Languages: en, de, fr, it",
    ]
    return web.Response(
        text="\n".join(lines) + "\n", headers={**headers.TEXT, "Cache-Control": "public, max-age=3600"}
    )


@routes.get("/.well-known/host-meta")
async def host_meta(request: web.Request) -> web.Response:
    """Where WebFinger is, for those who still ask (RFC 6415)."""
    body = discovery.host_meta(request.app[INSTANCE].urls.base).encode()
    sent = {
        **_HEADERS,
        "Content-Type": "application/xrd+xml; charset=utf-8",
        "Cache-Control": "public, max-age=3600",
    }
    return cached.answer(request, Rendered(body, sent))


@routes.get("/.well-known/nodeinfo")
async def nodeinfo_links(request: web.Request) -> web.Response:
    urls = request.app[INSTANCE].urls
    document = discovery.nodeinfo_links(urls.base, application=urls.instance_actor)
    return cached.answer(request, _rendered(document, {**_HEADERS, "Cache-Control": "public, max-age=3600"}))


@routes.get(r"/nodeinfo/{version:2\.[01]}")
async def nodeinfo(request: web.Request) -> web.Response:
    """What runs here, and how much of it."""
    version = cast(Literal["2.0", "2.1"], request.match_info["version"])
    sent = {
        **_HEADERS,
        "Content-Type": discovery.nodeinfo_type(version),
        "Cache-Control": "public, max-age=600",
    }
    instance = request.app[INSTANCE]
    return await _answer(request, ("nodeinfo", version), lambda: _usage(instance, version), sent)


async def _answer(
    request: web.Request,
    key: tuple[str, str],
    read: Callable[[], Awaitable[dict[str, Any]]],
    sent: Mapping[str, str],
) -> web.Response:
    shelf = request.app[SHELF]
    shown = await shelf.look(key, read)
    return cached.answer(request, shelf.rendered(shown, None, lambda document: _rendered(document, sent)))


def _named(urls: Urls, resource: str) -> str:
    """The name of the actor that is meant, in lower case, the host's for the instance.

    Raises Malformed for what is neither a handle nor an address, gather.Missing for what is elsewhere.
    """
    host = vocabulary.host_of(urls.base)
    # A port, as in development, is no part of anybody else's name.
    if resource.lower() == f"acct:{host}@{host}":
        return host
    if _OTHER_SCHEME.match(resource):
        raise gather.Missing(resource)
    asked = discovery.parse_resource(resource)
    if isinstance(asked, Handle):
        if asked.host != host:
            raise gather.Missing(resource)
        return asked.user.lower()
    # The id of a key leads to its owner: the fragment is left out.
    path = urlsplit(asked).path
    if vocabulary.host_of(asked) != host or urlsplit(asked).query:
        raise gather.Missing(resource)
    if path in ("", "/actor"):
        return host
    name = urls.name_of_actor(f"{urls.base}{path}")
    if name is None or name.lower() == host:
        raise gather.Missing(resource)
    return name.lower()


async def _descriptor(instance: Instance, name: str) -> dict[str, Any]:
    host = vocabulary.host_of(instance.urls.base)
    async with instance.database.reading() as session:
        is_server = name == host
        actor = await (local_actors.instance(session) if is_server else actors.public_actor(session, name))
    uri = instance.urls.actor(actor.name, actor.kind)
    # The actor's own address leads people to its page. Not the page's: that is the Note's, or the server's.
    page = None if is_server else uri
    return discovery.jrd(Handle(actor.name, host), actor=uri, page=page, is_server=is_server)


def _only(jrd: dict[str, Any], rels: frozenset[str]) -> dict[str, Any]:
    return jrd | {"links": [link for link in jrd["links"] if link["rel"] in rels]}


async def _usage(instance: Instance, version: Literal["2.0", "2.1"]) -> dict[str, Any]:
    now = instance.now()
    async with instance.database.reading() as session:
        organisation, _ = await local_actors.organisation(session)
        counted = await listings.usage(session, month=now - _MONTH, halfyear=now - _HALFYEAR)
    return discovery.nodeinfo(
        version,
        software="fedicause",
        software_version=__version__,
        name=organisation.name,
        users=counted.accounts,
        active_month=counted.active_month,
        active_halfyear=counted.active_halfyear,
        posts=counted.notes,
        metadata={"nodeDescription": organisation.summary} if organisation.summary else None,
    )


def _rendered(document: dict[str, Any], sent: Mapping[str, str]) -> Rendered:
    return Rendered(served.json_bytes(document), sent)


def _words(status: int, text: str) -> web.Response:
    sent = {
        **headers.JSON,
        "Content-Type": "text/plain; charset=utf-8",
        "Cache-Control": served.CACHE_CONTROL,
    }
    return web.Response(status=status, text=text + "\n", headers=sent)
