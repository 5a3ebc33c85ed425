"""What the commands about partners have in common: which campaign is meant, and what is listed."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from federation import vocabulary
from federation.answers import ForbiddenAddress, Gone, Missing, RemoteError, Unreachable
from federation.answers import Refused as Withheld
from fedicause.coalition import joining
from fedicause.coalition.roster import own_uri
from fedicause.partners import NotAsked
from fedicause.tally import page_of
from fedicause.urls import Urls
from storage import coalitions, evidence, foreign, members, past_tallies, tallies
from storage.coalition_models import Coalition, ForeignCampaign, Member

_WHY = (
    (Missing, "there is nothing at that address"),
    (Gone, "it was deleted"),
    (Withheld, "its server does not show it"),
    (Unreachable, "its server does not answer"),
    (ForbiddenAddress, "that address is not on the public internet"),
)


def why(error: RemoteError) -> str:
    """Why something elsewhere can't be read, in words."""
    return next((words for kind, words in _WHY if isinstance(error, kind)), "what is there can't be read")


def own_slug(named: str, urls: Urls) -> str | None:
    """The slug where this names a campaign of ours: by slug, slug@host or URL."""
    named = named.strip().rstrip("/")
    slug, at, host = named.removeprefix("@").partition("@")
    if "/" in named:
        return urls.slug_of_note(named)
    return slug if not at or host.lower() == vocabulary.host_of(urls.base) else None


async def campaign(session: AsyncSession, named: str) -> ForeignCampaign:
    """A known campaign of another instance: by slug@host, its URL, or our page of it. Raises NotAsked."""
    named = named.strip().rstrip("/")
    if "://" in named:
        found = await foreign.by_note(session, named) or await foreign.by_actor(session, named)
        if found is not None:
            return found
        slug, at, origin = named.rpartition("/campaigns/")[2].partition("@")
        if not at:
            raise NotAsked(f"No campaign at {named} is known here")
    else:
        slug, _, origin = named.removeprefix("@").partition("@")
        if not origin:
            raise NotAsked(f"`{slug}` is no campaign of another organisation: write {slug}@HOST or its URL")
    return await joining.campaign_at(session, slug, origin)


async def rows(session: AsyncSession, urls: Urls, now: datetime) -> list[dict[str, Any]]:
    """Who is, was or wants to be in the coalitions that our organisation is, was or wants to be in."""
    own = await own_uri(session, urls)
    listed = await members.listed(session)
    ours_too = {member.coalition_id for member, _ in listed if member.actor_uri == own}
    found = []
    for member, coalition in listed:
        is_ours, is_origin = member.actor_uri == own, coalition.campaign_id is not None
        # Of what we only follow, the support shows who is in.
        if not is_origin and coalition.id not in ours_too:
            continue
        head = (await tallies.heads(session, coalition.id, [member.actor_uri])).get(member.actor_uri)
        waits = {"requested": "you" if is_origin else "them", "invited": "them" if is_origin else "you"}
        found.append(
            {
                "id": member.id,
                "campaign": await named(session, coalition),
                "organisation": "you" if is_ours else member.name or member.host,
                "host": member.host,
                "state": _state(member, now, is_asked_by_us=waits.get(member.state) == "them"),
                "signatures": coalition.signatures if is_ours else head.signatures if head else 0,
                "asked": member.asked_at,
                "answered": member.answered_at,
                "heard": member.heard_at,
                "actor": member.actor_uri,
                "waits_for": waits.get(member.state) if is_ours or is_origin else None,
            }
        )
    return found


async def findings(session: AsyncSession, urls: Urls) -> list[dict[str, Any]]:
    """What tells of lies: two documents that somebody signed as one version, and sudden growth."""
    found: list[dict[str, Any]] = []
    for coalition in await coalitions.every(session):
        for row in await evidence.of(session, coalition.id):
            counts = "not counted" if row.kind == "tally" else "for you to judge"
            found.append(
                {
                    "id": f"e{row.id}",
                    "kind": "fork",
                    "campaign": await named(session, coalition),
                    "organisation": await _name(session, coalition, row.author_uri),
                    "what": f"signed two different versions of one {row.kind}",
                    "state": counts if row.lifted_at is None else "lifted",
                    "seen": row.found_at,
                    "author": row.author_uri,
                    "epoch": row.epoch,
                    "version": row.version,
                    "url": f"{await page_of(session, urls, coalition)}/evidence",
                }
            )
    for jump in await past_tallies.jumps(session):
        where = await coalitions.by_id(session, jump.coalition_id)
        if where is not None:
            found.append(
                {
                    "id": f"j{jump.id}",
                    "kind": "jump",
                    "campaign": await named(session, where),
                    "organisation": await _name(session, where, jump.author_uri),
                    "what": f"grew from {jump.before:,} to {jump.after:,} within an hour",
                    "state": "counted",
                    "seen": jump.seen_at,
                    "author": jump.author_uri,
                    "before": jump.before,
                    "after": jump.after,
                }
            )
    return found


async def named(session: AsyncSession, coalition: Coalition) -> str:
    """The campaign as people write it: its slug, with its host if that is another."""
    ours = await coalitions.ours(session, coalition)
    if ours is not None:
        return ours[0].slug
    theirs = await coalitions.theirs(session, coalition)
    return f"{theirs.slug}@{theirs.origin}" if theirs else coalition.campaign_uri


def _state(member: Member, now: datetime, *, is_asked_by_us: bool) -> str:
    waited = now - member.asked_at
    if is_asked_by_us and member.answered_at is None and waited >= joining.NO_ANSWER_AFTER:
        return "no answer yet"
    return member.state


async def _name(session: AsyncSession, coalition: Coalition, uri: str) -> str:
    member = await members.of(session, coalition.id, uri)
    return (member.name if member else "") or vocabulary.host_of(uri)
