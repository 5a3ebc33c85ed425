"""Whether the coalitions of an instance are in order: its own counts, who waits, who is silent, who lies."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from federation import vocabulary
from fedicause.coalition.joining import NO_ANSWER_AFTER
from fedicause.coalition.roster import own_uri
from fedicause.finding import Finding
from fedicause.support import STALE_AFTER
from fedicause.urls import Urls
from storage import coalitions, evidence, members, past_tallies, signatures
from storage.coalition_models import Coalition, Member
from storage.signatures import Recount

SHOWN: Final = 5
"""Names in one line."""


async def coalition(session: AsyncSession, urls: Urls, *, now: datetime) -> list[Finding]:
    """What the rows of all coalitions say."""
    own = await own_uri(session, urls)
    listed = [(member, of) for member, of in await members.listed(session) if await _is_open(session, of)]
    ours = {of.id for member, of in listed if member.actor_uri == own and member.state == "accepted"}
    partners = [
        member
        for member, of in listed
        if member.state == "accepted"
        and member.actor_uri != own
        and (of.campaign_id is not None or of.id in ours)
    ]
    return [
        _signatures([each for each in await signatures.recount(session) if not each.agrees]),
        _requests([member for member, of in listed if _waits(member, of, own)]),
        _partners(
            partners,
            [
                of.campaign_uri
                for member, of in listed
                if member.actor_uri == own and _is_unanswered(member, now)
            ],
            now,
        ),
        await _evidence(session),
    ]


async def repair(session: AsyncSession, *, now: datetime) -> list[str]:
    """Sets the counts of our signatures that disagree to what there is; returns the campaigns' names."""
    for each in await coalitions.every(session):
        await coalitions.locked(session, each.id)
    wrong = [each for each in await signatures.recount(session) if not each.agrees]
    await signatures.replace(session, wrong, now=now)
    return [_slug(each.campaign_uri) for each in wrong]


async def _is_open(session: AsyncSession, of: Coalition) -> bool:
    ours = await coalitions.ours(session, of)
    campaign = ours[0] if ours else await coalitions.theirs(session, of)
    return campaign is None or campaign.state == "published"


def _waits(member: Member, of: Coalition, own: str) -> bool:
    """Whether it is for our admin to answer: a request to a campaign of ours, an invitation to another's."""
    if of.campaign_id is not None:
        return member.state == "requested"
    return member.state == "invited" and member.actor_uri == own


def _is_unanswered(member: Member, now: datetime) -> bool:
    waited = now - member.asked_at
    return member.state == "requested" and member.answered_at is None and waited >= NO_ANSWER_AFTER


def _signatures(wrong: list[Recount]) -> Finding:
    if not wrong:
        return Finding("signatures", "ok", "all counts agree with what was signed")
    each = _some(f"{_slug(one.campaign_uri)}: {one.stored} instead of {one.counted}" for one in wrong)
    return Finding(
        "signatures",
        "problem",
        f"{len(wrong)} counts disagree with what was signed ({each})",
        "run `fedicause doctor --repair`",
    )


def _requests(waiting: list[Member]) -> Finding:
    if not waiting:
        return Finding("requests", "ok", "nobody waits for your answer")
    first = min(member.asked_at for member in waiting)
    who = "one organisation waits" if len(waiting) == 1 else f"{len(waiting)} organisations wait"
    return Finding(
        "requests",
        "warning",
        f"{who} for your answer, since {first:%Y-%m-%d}",
        "see `fedicause partner requests`",
    )


def _partners(partners: list[Member], unanswered: list[str], now: datetime) -> Finding:
    silent = [each for each in partners if each.heard_at is None or now - each.heard_at > STALE_AFTER]
    told = []
    if silent:
        told.append(f"not heard of for a day: {_some(each.name or each.host for each in silent)}")
    if unanswered:
        told.append(f"no answer yet: {_some(map(_slug, unanswered))}")
    if told:
        advice = "they are asked again by themselves; if it goes on, write to their admins"
        return Finding("partners", "warning", "; ".join(told), advice)
    number = len({each.actor_uri for each in partners})
    return Finding("partners", "ok", f"{number:,} heard of within a day" if number else "none")


async def _evidence(session: AsyncSession) -> Finding:
    liars = {
        (row.coalition_id, row.author_uri)
        for each in await coalitions.every(session)
        for row in await evidence.standing(session, each.id)
    }
    told = []
    if liars:
        who = _some(sorted({vocabulary.host_of(uri) for _, uri in liars}))
        told.append(f"two documents signed as one version: {who}")
    jumps = await past_tallies.jumps(session)
    if jumps:
        told.append(f"grown suddenly: {_some(sorted({vocabulary.host_of(row.author_uri) for row in jumps}))}")
    if told:
        return Finding("evidence", "warning", "; ".join(told), "see `fedicause partner evidence`")
    return Finding("evidence", "ok", "nobody was found to lie")


def _slug(campaign_uri: str) -> str:
    """The campaign of this actor, as people write it."""
    return f"{campaign_uri.rpartition('/')[2]}@{vocabulary.host_of(campaign_uri)}"


def _some(words: Iterable[str]) -> str:
    listed = list(words)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more
