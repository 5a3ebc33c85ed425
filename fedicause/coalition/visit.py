"""Looks at a campaign where it is: its Note, its actor, who runs it, its picture. The network only."""

import logging
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from msgspec.structs import replace

from federation import vocabulary
from federation.answers import Budget, Gone, Missing, Refused, RemoteError, Unusable
from federation.vocabulary import Malformed
from fedicause.campaigning import pictures
from fedicause.coalition import transcribe
from fedicause.coalition.transcribe import Copy
from fedicause.fediverse import recognise
from fedicause.instance import Instance
from storage.coalition_models import ForeignCampaign

log = logging.getLogger(__name__)

FETCHES: Final = 16
"""Requests that one look may cost, redirects included."""
PIXELS: Final = 25_000_000
NOTES: Final = frozenset({"Article", "Note", "Page"})


async def look(
    instance: Instance, uri: str, *, budget: Budget | None = None, known: ForeignCampaign | None = None
) -> Copy:
    """The campaign behind the id of its Note, that of its actor, or its page, as its origin shows it now.

    The network only, and a file for its picture unless `known` has it already. Raises Malformed (its text is
    for a person) and RemoteError: Gone and Missing where it is the campaign itself that is not there.
    """
    budget = budget or Budget(FETCHES)
    _elsewhere(instance, uri)
    found = (await instance.remote.fetch(uri, budget=budget)).data
    _elsewhere(instance, str(found["id"]))
    if _is_a(found, NOTES):
        actor = await _part(instance, author(found), found, budget)
    else:
        actor = found
    if not _is_a(actor, frozenset({"Group"})):
        raise Malformed("That address leads to no campaign")
    note = await _call(instance, found, actor, budget, known)
    campaign = recognise.describe(actor)
    organisation = recognise.describe(await _part(instance, author(actor), actor, budget))
    told = await _told(instance, campaign.uri, transcribe.slug_of(campaign), budget)
    copy = transcribe.copy(
        note, actor, campaign=campaign, organisation=organisation, told=told, now=instance.now()
    )
    return await _illustrated(instance, copy, known)


def author(document: dict[str, Any]) -> str:
    """Who wrote a Note, or runs a campaign; Malformed where nobody is named."""
    named = vocabulary.as_list(document.get("attributedTo"))
    uri = vocabulary.id_of(named[0]) if named else None
    if uri is None:
        raise Malformed("That address does not say who is behind it")
    return uri


def _elsewhere(instance: Instance, uri: str) -> None:
    if vocabulary.host_of(uri) == instance.settings.host:
        raise Malformed("That campaign is on this server")


def _is_a(document: dict[str, Any], types: frozenset[str]) -> bool:
    listed = vocabulary.as_list(document.get("type"))
    return any(isinstance(each, str) and each in types for each in listed)


async def _part(instance: Instance, uri: str, of: dict[str, Any], budget: Budget) -> dict[str, Any]:
    """Another document of the same campaign: only its own host may speak for it."""
    if not vocabulary.same_host(uri, str(of["id"])):
        raise Malformed("That campaign is not run from one server")
    try:
        found = (await instance.remote.fetch(uri, budget=budget)).data
    except (Gone, Missing) as error:
        raise Unusable(f"{uri} is not there") from error
    if found["id"] != uri:
        raise Unusable(f"{uri} has another id")
    return found


async def _call(
    instance: Instance,
    found: dict[str, Any],
    actor: dict[str, Any],
    budget: Budget,
    known: ForeignCampaign | None,
) -> dict[str, Any]:
    """The Note that the campaign's actor features: other Notes of its are news."""
    if known is not None and (found["id"], actor["id"]) == (known.note_uri, known.actor_uri):
        pinned: str | None = known.note_uri
    else:
        pinned = await _pinned(instance, actor, budget)
    if pinned is None and found is actor:
        raise Malformed("That campaign shows no call")
    note = found if pinned in (None, found["id"]) else await _part(instance, str(pinned), actor, budget)
    is_public = vocabulary.is_public(note.get("to")) or vocabulary.is_public(note.get("cc"))
    if not _is_a(note, NOTES) or author(note) != actor["id"] or not is_public:
        raise Malformed("That campaign has no public call")
    return note


async def _pinned(instance: Instance, actor: dict[str, Any], budget: Budget) -> str | None:
    featured = vocabulary.id_of(actor.get("featured"))
    if featured is None or not vocabulary.same_host(featured, str(actor["id"])):
        return None
    try:
        listed = instance.remote.collection(featured, budget=budget, total=10, pages=1, items=1)
        return next(iter([vocabulary.id_of(item) async for item in listed]), None)
    except (Gone, Missing, Refused, Unusable) as error:
        log.debug("%s features nothing: %s", actor["id"], type(error).__name__)
        return None


async def _told(instance: Instance, actor_uri: str, slug: str, budget: Budget) -> dict[str, Any]:
    """What the origin's API says of the campaign; nothing where it has no such thing."""
    base = urlsplit(actor_uri)
    url = f"{base.scheme}://{base.netloc}/api/campaigns/{quote(slug)}"
    try:
        answer = await instance.remote.fetch_json(url, budget=budget)
    except (Gone, Missing, Refused, Unusable):
        return {}
    is_own = vocabulary.same_host(answer.url, actor_uri) and answer.data.get("actor") == actor_uri
    return answer.data if is_own else {}


async def _illustrated(instance: Instance, copy: Copy, known: ForeignCampaign | None) -> Copy:
    """The copy with its picture, drawn anew; without it where that can't be had now."""
    source, media = copy.picture_source, instance.settings.media
    if source is None:
        return copy
    if known is not None and known.picture_source == source and _is_kept(known.picture, media):
        return replace(
            copy,
            picture=known.picture,
            picture_type=known.picture_type,
            picture_width=known.picture_width,
            picture_height=known.picture_height,
        )
    try:
        original = await instance.remote.fetch_picture(source)
        kept = await pictures.in_thread(pictures.keep, original, Path("picture"), media, pixels=PIXELS)
    except (RemoteError, pictures.Unusable) as error:
        log.info("the picture of %s can't be shown: %s", copy.note_uri, error)
        return replace(copy, picture_source=None, picture_alt=None)
    return replace(
        copy,
        picture=kept.name,
        picture_type=kept.media_type,
        picture_width=kept.width,
        picture_height=kept.height,
    )


def _is_kept(picture: str | None, media: Path) -> bool:
    return picture is not None and (media / picture).exists()
