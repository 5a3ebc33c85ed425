"""Finding actors, software and the way to somebody's own server; and what we publish to be found."""

import re
from html import escape
from typing import Any, Final, Literal
from urllib.parse import quote

from federation import vocabulary, webfinger
from federation.remote import Budget, Missing, Refused, Remote, RemoteError, Unusable
from federation.vocabulary import Malformed
from federation.webfinger import Handle, jrd, parse_handle, parse_resource

__all__ = [
    "Handle",
    "endorse_url",
    "find_actor",
    "handle_of",
    "host_meta",
    "jrd",
    "nodeinfo",
    "nodeinfo_links",
    "nodeinfo_type",
    "parse_handle",
    "parse_resource",
    "software",
]

_NODEINFO: Final = "http://nodeinfo.diaspora.software/ns/schema/"
_APPLICATION: Final = "https://www.w3.org/ns/activitystreams#Application"

# What opens the Note at home, best first, and what stands for its URI there (FEP-3b86; OStatus before it).
_INTENTS: Final = (
    ("https://w3id.org/fep/3b86/like", "{object}"),
    ("https://w3id.org/fep/3b86/object", "{object}"),
    ("http://ostatus.org/schema/1.0/subscribe", "{uri}"),
)
_OTHER_PLACEHOLDER = re.compile(r"\{[A-Za-z-]{1,32}\}")
_SOFTWARE = re.compile(r"[a-z0-9._ -]{1,64}")


async def find_actor(remote: Remote, handle_or_url: str, *, budget: Budget | None = None) -> str:
    """The URI of the actor that a handle, an actor's URL, a profile page or `https://host` stands for.

    The actor's host must agree that the handle is theirs: it is the handle's host, or it answered in its
    place (redirect), or says the same when asked; so must the host of another `subject` (FEP-2c59, FEP-4adb).
    Raises Malformed for neither a handle nor a URL, RemoteError.
    """
    is_url = handle_or_url.strip().lower().startswith(("https://", "http://"))
    try:
        handle = parse_handle(handle_or_url)
    except Malformed:
        if not is_url:
            raise
        return await _actor_at(remote, handle_or_url.strip(), budget)
    try:
        return await _actor_of(remote, handle, budget)
    except (Missing, Refused, Unusable):
        # A profile page on a host whose handles look otherwise.
        if not is_url:
            raise
        return await _actor_at(remote, handle_or_url.strip(), budget)


async def handle_of(remote: Remote, actor: dict[str, Any], *, budget: Budget | None = None) -> Handle | None:
    """The handle to show for a fetched actor document, if WebFinger leads from it back to the actor.

    FEP-2c59: its `webfinger`, else its `preferredUsername` on its own host. None where nothing confirms it.
    """
    try:
        uri = actor["id"]
        claimed = actor.get("webfinger") or f"{actor['preferredUsername']}@{vocabulary.host_of(uri)}"
        handle = parse_handle(claimed)
        found = await webfinger.ask(remote, handle.host, handle.acct, budget)
    except (KeyError, TypeError, AttributeError, Malformed, RemoteError):
        return None
    return handle if found.actor == uri else None


async def endorse_url(
    remote: Remote, handle: Handle | str, note_uri: str, *, budget: Budget | None = None
) -> str:
    """Where the person behind a handle finds the Note at home, to press ☆ there: an http(s) URL.

    By FEP-3b86 Like, then Object, then OStatus subscribe, then Mastodon's `/authorize_interaction`.
    Raises Malformed for no handle, RemoteError where their server can't be asked or doesn't know them.
    """
    vocabulary.host_of(note_uri)
    if isinstance(handle, str):
        handle = parse_handle(handle)
    found = await webfinger.ask(remote, handle.host, handle.acct, budget)
    for rel, placeholder in _INTENTS:
        for link in found.links:
            if str(link.get("rel")).lower() != rel:  # WordPress writes `like`
                continue
            # Earlier revisions of FEP-3b86 put the template into `href`.
            filled = _filled(link.get("template") or link.get("href"), placeholder, note_uri)
            if filled is not None:
                return filled
    home = found.origin
    if found.actor is not None:
        # Where handles live on another host than accounts, it is the accounts' host that knows the page.
        home = f"{found.actor.partition('://')[0]}://{vocabulary.host_of(found.actor)}"
    return f"{home}/authorize_interaction?uri={quote(note_uri, safe='')}"


async def software(remote: Remote, host: str, *, budget: Budget | None = None) -> str | None:
    """What a host runs, by its NodeInfo: `mastodon`, lower-case; None where it doesn't say or doesn't answer.

    Raises Malformed if `host` is no authority.
    """
    for origin in remote.origins(host):
        try:
            index = await remote.fetch_json(f"{origin}/.well-known/nodeinfo", budget=budget)
            listed = [
                link for link in webfinger.links_of(index.data) if str(link.get("rel")).startswith(_NODEINFO)
            ]
            newest = max(listed, key=lambda link: str(link["rel"]), default=None)
            if newest is None:
                return None
            info = await remote.fetch_json(str(newest.get("href")), budget=budget)
        except RemoteError:
            continue
        named = info.data.get("software")
        name = named.get("name") if isinstance(named, dict) else None
        name = name.strip().lower() if isinstance(name, str) else ""
        return name if _SOFTWARE.fullmatch(name) else None
    return None


def host_meta(base_url: str) -> str:
    """`/.well-known/host-meta`, `application/xrd+xml`: where WebFinger is (RFC 6415)."""
    template = escape(f"{base_url.rstrip('/')}/.well-known/webfinger?resource={{uri}}")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">\n'
        f'  <Link rel="lrdd" type="application/jrd+json" template="{template}"/>\n'
        "</XRD>\n"
    )


def nodeinfo_links(base_url: str, *, application: str) -> dict[str, Any]:
    """`/.well-known/nodeinfo`, with the instance actor `application` (FEP-2677)."""
    base = base_url.rstrip("/")
    links = [{"rel": f"{_NODEINFO}{each}", "href": f"{base}/nodeinfo/{each}"} for each in ("2.1", "2.0")]
    return {"links": [*links, {"rel": _APPLICATION, "href": application}]}


def nodeinfo_type(version: Literal["2.0", "2.1"]) -> str:
    """The media type that a NodeInfo document is served as."""
    return f'application/json; profile="{_NODEINFO}{version}#"'


def nodeinfo(
    version: Literal["2.0", "2.1"],
    *,
    software: str,
    software_version: str,
    name: str,
    users: int,
    active_month: int,
    active_halfyear: int,
    posts: int,
    comments: int = 0,
    repository: str | None = None,
    homepage: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A NodeInfo document (FEP-f1d5); `repository` and `homepage` of the software are new in 2.1."""
    described = {"name": software, "version": software_version}
    if version == "2.1":
        described |= {"repository": repository} if repository else {}
        described |= {"homepage": homepage} if homepage else {}
    return {
        "version": version,
        "software": described,
        "protocols": ["activitypub"],
        "services": {"inbound": [], "outbound": []},
        "openRegistrations": False,
        "usage": {
            "users": {"total": users, "activeMonth": active_month, "activeHalfyear": active_halfyear},
            "localPosts": posts,
            "localComments": comments,
        },
        "metadata": {"nodeName": name, **(metadata or {})},
    }


async def _actor_at(remote: Remote, url: str, budget: Budget | None) -> str:
    try:
        document = await remote.fetch(url, budget=budget)
    except (Missing, Refused, Unusable):
        # A page for people, or the server itself: its WebFinger may know which actor is meant.
        resource, host = str(parse_resource(url)), vocabulary.host_of(url)
        found = await webfinger.ask(remote, host, resource, budget)
        if found.actor is None or not vocabulary.same_host(found.actor, url):
            raise
        return found.actor
    if vocabulary.ACTOR_TYPES.isdisjoint(
        each for each in vocabulary.as_list(document.data.get("type")) if isinstance(each, str)
    ):
        raise Unusable("not an actor")
    return str(document.data["id"])


async def _actor_of(remote: Remote, handle: Handle, budget: Budget | None) -> str:
    found = await webfinger.ask(remote, handle.host, handle.acct, budget)
    if found.actor is None:
        raise Unusable("no actor behind that handle")
    actor_host = vocabulary.host_of(found.actor)
    if actor_host not in (handle.host, found.host):
        await _confirm(remote, actor_host, handle, found.actor, budget)
    if found.subject is not None and not found.subject.names_the_same_as(handle):
        await _confirm(remote, found.subject.host, found.subject, found.actor, budget)
    return found.actor


async def _confirm(remote: Remote, host: str, handle: Handle, actor: str, budget: Budget | None) -> None:
    found = await webfinger.ask(remote, host, handle.acct, budget)
    if found.actor != actor:
        raise Unusable(f"{host} does not say that {handle} is {actor}")


def _filled(template: object, placeholder: str, uri: str) -> str | None:
    if not isinstance(template, str) or placeholder not in template:
        return None
    try:
        # A placeholder in the authority is no host, `javascript:` no http(s) URL, and userinfo
        # (`https://home.example@evil.example/`) a lie to whoever reads where they are sent.
        vocabulary.host_of(template)
    except Malformed:
        return None
    return _OTHER_PLACEHOLDER.sub("", template.replace(placeholder, quote(uri, safe="")))
