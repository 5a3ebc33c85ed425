"""WebFinger (RFC 7033), asked and answered: what a handle is, and which actor it stands for."""

import re
import unicodedata
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct

from federation import answers, vocabulary
from federation.remote import Budget, Remote, Unreachable
from federation.vocabulary import Malformed

_PROFILE_PAGE: Final = "http://webfinger.net/rel/profile-page"
_SERVICE: Final = "https://www.w3.org/ns/activitystreams#Service"

_LINKS: Final = 100
_ACCT = re.compile(r"(?:acct:)?@?([A-Za-z0-9._~-]{1,128})@([^\s@/?#\\%]{1,260})", re.IGNORECASE)
_PROFILE = re.compile(r"https?://([^/?#@\s]+)/@([^/?#@\s]+)(?:@([^/?#@\s]+))?/?", re.IGNORECASE)
_SERVER = re.compile(r"(https?)://[^/?#]*/?", re.IGNORECASE)


class Handle(Struct, frozen=True):
    """`user` as it was written, `host` as `vocabulary.host_of` gives it. Shown as `@user@host`."""

    user: str
    host: str

    @property
    def acct(self) -> str:
        """The URI that WebFinger knows it by (RFC 7565)."""
        return f"acct:{self.user}@{self.host}"

    def names_the_same_as(self, other: "Handle") -> bool:
        """Servers fold the case of users as they like, so both spellings are one."""
        return (self.user.casefold(), self.host) == (other.user.casefold(), other.host)

    def __str__(self) -> str:
        return f"@{self.user}@{self.host}"


def parse_handle(text: str) -> Handle:
    """`@a@b`, `a@b`, `acct:a@b`, or the address of a profile page `https://b/@a`; Malformed for all else.

    Pasted handles carry invisible marks (Mastodon isolates them for right-to-left text): these are dropped.
    """
    text = "".join(each for each in text[:4096] if unicodedata.category(each) != "Cf").strip()
    if profile := _PROFILE.fullmatch(text):
        # `https://c/@a@b` is how c shows a of b.
        text = f"{profile[2]}@{profile[3] or profile[1]}"
    found = _ACCT.fullmatch(text)
    if not found:
        raise Malformed("not a handle")
    return Handle(found[1], vocabulary.host_of(f"https://{found[2]}/"))


def parse_resource(resource: str) -> Handle | str:
    """What somebody asks WebFinger for: a handle (`acct:` may be left out), or an http(s) URL.

    `https://host/` is returned as `https://host`, which stands for the whole server (FEP-d556). Malformed
    for everything else.
    """
    if not resource.lower().startswith(("http://", "https://")):
        return parse_handle(resource)
    host = vocabulary.host_of(resource)
    server = _SERVER.fullmatch(resource)
    return f"{server[1].lower()}://{host}" if server else resource


def jrd(handle: Handle, *, actor: str, page: str | None = None, is_server: bool = False) -> dict[str, Any]:
    """Our answer to WebFinger, `application/jrd+json`: `is_server` for the actor of the whole instance."""
    links = [{"rel": "self", "type": vocabulary.ACTIVITY_JSON, "href": actor}]
    if page is not None:
        links.append({"rel": _PROFILE_PAGE, "type": "text/html", "href": page})
    if is_server:
        links.append({"rel": _SERVICE, "type": vocabulary.ACTIVITY_JSON, "href": actor})
    return {
        "subject": handle.acct,
        "aliases": [actor] if page in (None, actor) else [actor, page],
        "links": links,
    }


class Descriptor(Struct, frozen=True):
    """What WebFinger said: the origin (`https://host`) that said it after redirects, and that origin's host.

    `subject` where it is a handle, `links` as they came, and the actor: the first usable `self` link.
    """

    origin: str
    host: str
    subject: Handle | None
    links: tuple[dict[str, Any], ...]
    actor: str | None


async def ask(remote: Remote, host: str, resource: str, budget: Budget | None) -> Descriptor:
    """What `host` says about a resource; raises RemoteError, and Malformed if `host` is no authority."""
    failure: Unreachable | None = None
    for origin in remote.origins(host):
        try:
            document = await remote.fetch_json(
                f"{origin}/.well-known/webfinger?resource={quote(resource, safe='')}", budget=budget
            )
        except Unreachable as error:
            failure = error
            continue
        return _read(document)
    raise failure or Unreachable("nowhere to ask")


def links_of(data: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The links of a JRD, as NodeInfo's index has them too."""
    listed = data.get("links")
    return (
        tuple(each for each in listed[:_LINKS] if isinstance(each, dict)) if isinstance(listed, list) else ()
    )


def _read(document: answers.Document) -> Descriptor:
    links = links_of(document.data)
    host = vocabulary.host_of(document.url)
    origin = f"{document.url.partition('://')[0]}://{host}"
    return Descriptor(origin, host, _subject_of(document.data), links, _self_of(links))


def _subject_of(data: dict[str, Any]) -> Handle | None:
    subject = data.get("subject")
    if not isinstance(subject, str) or not subject.lower().startswith("acct:"):
        return None  # Fedify repeats the URL that was asked for
    try:
        return parse_handle(subject)
    except Malformed:
        return None


def _self_of(links: tuple[dict[str, Any], ...]) -> str | None:
    for link in links:
        href, kind = link.get("href"), link.get("type")
        if link.get("rel") != "self" or not isinstance(href, str) or not isinstance(kind, str):
            continue
        if answers.is_activity_type([kind]) and vocabulary.same_host(href, href):
            return href
    return None
