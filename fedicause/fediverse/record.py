"""Writes what has arrived: one transaction, and a few statements for however many requests."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import content, httpsig, lazily, outgoing
from fedicause import announce, sign
from fedicause.coalition import notice
from fedicause.fediverse import weigh
from fedicause.fediverse.interpret import (
    Depart,
    Flagged,
    MoveTo,
    Retract,
    Say,
    Shun,
    Testify,
    UndoById,
)
from fedicause.fediverse.weigh import Arrival
from fedicause.instance import Instance
from fedicause.sign import Word
from storage import (
    actors,
    counts,
    deliveries,
    key_failures,
    local_actors,
    parked,
    registers,
    seen,
    subjects,
    testimonies,
)
from storage.actors import Description, Known
from storage.columns import from_milliseconds, to_milliseconds
from storage.key_failures import Failure
from storage.subjects import Subject

# A signature may be an hour early and an hour late; parked requests come later still.
SEEN_FOR = timedelta(hours=4)
FIRST_RETRY_OF_PARKED = timedelta(seconds=5)
# What most arrivals mean; a union made for each of them would take longer than the look at it.
NAMING = (Say, Shun)
WIDE = (Depart, MoveTo, UndoById)
RARE = (Testify, Retract, Depart, MoveTo, Flagged)
TESTIMONY_LENGTH = 20_000


class Unverified(Struct, frozen=True):
    """A request whose key is slow to come. Its result: whether there was room to park it."""

    host: str
    request: httpsig.Request
    received_at: datetime


class Vanished(Struct, frozen=True):
    """An actor whose server says that it is gone."""

    uri: str


class Looked(Struct, frozen=True):
    """What was looked at again, and which of it is gone where it came from. `people` are URIs."""

    shares: Sequence[registers.Boost]
    replies: Sequence[testimonies.Standing]
    people: Sequence[str]
    gone_shares: Sequence[registers.Boost]
    gone_replies: Sequence[testimonies.Standing]


async def changes(session: AsyncSession, instance: Instance, given: Sequence[Any]) -> Sequence[Any]:
    """Records descriptions of actors first, then arrivals, then the rest; a result for each."""
    now = instance.now()
    await counts.lock(session, alone=any(map(_is_wide, given)))
    described = [change for change in given if isinstance(change, Description)]
    known = await _remember(session, described, now) if described else {}
    failed = [change for change in given if isinstance(change, Failure)]
    if failed:
        await key_failures.add(session, failed)
    arrivals = [change for change in given if isinstance(change, Arrival)]
    replayed = await _arrivals(session, instance, arrivals, now) if arrivals else set()
    results: list[Any] = []
    for change in given:
        match change:
            case Description():
                results.append(known[change.uri])
            case Arrival():
                results.append(id(change) not in replayed)
            case Unverified():
                results.append(await _park(session, change))
            case Failure():
                results.append(None)
            case Looked():
                await _looked(session, change, now)
                results.append(None)
            case Vanished():
                await vanish(session, change.uri, now)
                results.append(None)
    return results


def _is_wide(change: Any) -> bool:
    """Whether it may concern registers that it does not name."""
    match change:
        case Arrival():
            return isinstance(change.meaning, WIDE)
        case Vanished():
            return True
    return False


async def vanish(session: AsyncSession, uri: str, now: datetime) -> None:
    """Withdraws all that an actor said and wrote, as of now."""
    known = (await actors.by_uris(session, [uri])).get(uri)
    if known is not None:
        await _depart(session, known, now)
        gone = Word(known.id, known.host_id, None, False, to_milliseconds(now), None)
        await sign.hear(session, [gone], now=now, wave=None)


async def _looked(session: AsyncSession, found: Looked, now: datetime) -> None:
    """Takes back, as of now, what its author has taken back elsewhere."""
    await registers.checked(session, found.shares, now)
    await testimonies.checked(session, found.replies, now)
    await actors.checked(session, found.people, now)
    words = [
        Word(share.key.actor_id, share.host_id, share.key, False, to_milliseconds(now), share.activity_uri)
        for share in found.gone_shares
    ]
    await sign.hear(session, words, now=now, wave=None)
    for testimony in found.gone_replies:
        await testimonies.retract(session, testimony.actor_id, testimony.note_uri, now)


async def _remember(
    session: AsyncSession, described: Sequence[Description], now: datetime
) -> dict[str, Known]:
    known = await actors.remember(session, described, now)
    # Who answers has an inbox again, whatever it said before.
    inboxes = {inbox for each in described for inbox in (each.inbox, each.shared_inbox) if inbox}
    await deliveries.revive(session, inboxes)
    return known


async def _park(session: AsyncSession, change: Unverified) -> bool:
    try:
        await parked.add(
            session,
            host=change.host,
            method=change.request.method,
            target=change.request.target,
            headers=change.request.headers,
            body=change.request.body,
            now=change.received_at,
            next_at=change.received_at + FIRST_RETRY_OF_PARKED,
        )
    except parked.Full:
        return False
    return True


async def _arrivals(
    session: AsyncSession, instance: Instance, arrivals: Sequence[Arrival], now: datetime
) -> set[int]:
    """Records arrivals; returns those (by object identity) whose signature has had its effect before."""
    known = await seen.add(session, [each.fingerprint for each in arrivals], now + SEEN_FOR)
    replayed: set[int] = set()
    fresh: list[Arrival] = []
    for arrival in arrivals:
        if arrival.fingerprint in known:
            replayed.add(id(arrival))
        else:
            known.add(arrival.fingerprint)
            fresh.append(arrival)
    named = {arrival.meaning.subject.name for arrival in fresh if isinstance(arrival.meaning, NAMING)}
    about = await subjects.by_names(session, named)
    words: list[Word] = []
    follows: list[tuple[Arrival, Subject]] = []
    for arrival in fresh:
        words += weigh.words(arrival, about)
        subject = weigh.asked(arrival, about)
        if subject is not None:
            follows.append((arrival, subject))
    await sign.hear(session, words, now=now, wave=instance.settings.wave)
    for arrival in fresh:
        if isinstance(arrival.meaning, RARE):
            await _record_alone(session, instance, arrival, now)
        if notice.concerns(arrival):
            await notice.record(session, instance, arrival, now)
    await _accept(session, instance, follows, now)
    return replayed


async def _record_alone(session: AsyncSession, instance: Instance, arrival: Arrival, now: datetime) -> None:
    """What is rare enough for statements of its own."""
    sender, signed_at = arrival.sender, from_milliseconds(arrival.signed_at)
    match arrival.meaning:
        case Testify() as reply:
            await _testify(session, instance, arrival, reply, now)
        case Retract() as retraction:
            if not await testimonies.retract(session, sender.id, retraction.note_uri, signed_at):
                await registers.add_voids(
                    session, {(sender.id, retraction.note_uri): arrival.signed_at}, now + sign.VOID_FOR
                )
        case Depart():
            await _depart(session, sender, signed_at)
        case MoveTo() as move if arrival.moved_to is not None:
            await actors.move(session, sender.id, move.target)
            await sign.move(session, sender, arrival.moved_to, arrival.signed_at, now=now)
        case Flagged() as flag:
            await lazily.load("storage.reports")
            from storage import reports  # noqa: PLC0415

            await reports.add(
                session,
                actor_id=sender.id,
                objects=flag.objects,
                content=content.plain(flag.content),
                now=now,
            )


async def _depart(session: AsyncSession, actor: Known, at: datetime) -> None:
    await actors.depart(session, actor.id, at)
    await testimonies.retract_all(session, actor.id, at)


async def _testify(
    session: AsyncSession, instance: Instance, arrival: Arrival, reply: Testify, now: datetime
) -> None:
    campaign_id = await _campaign_answered(session, instance, reply.in_reply_to)
    if campaign_id is None:
        return
    void = (arrival.sender.id, reply.note_uri)
    if void in await registers.voids_of(session, [arrival.sender.id]):
        await registers.spend_voids(session, [void])
        return
    await testimonies.put(
        session,
        campaign_id=campaign_id,
        actor_id=arrival.sender.id,
        note_uri=reply.note_uri,
        in_reply_to=reply.in_reply_to,
        url=reply.url,
        html=content.clean(reply.html[:TESTIMONY_LENGTH]),
        published_at=min(reply.published_at or now, now),
        signed_at=from_milliseconds(arrival.signed_at),
        now=now,
    )


async def _campaign_answered(session: AsyncSession, instance: Instance, uri: str) -> int | None:
    """The campaign whose call, update or testimony bears this id."""
    urls = instance.urls
    slug = urls.slug_of_note(uri) or urls.slug_of_update(uri)
    if slug is None:
        return await testimonies.campaign_of(session, uri)
    subject = (await subjects.by_names(session, [slug])).get(slug)
    return subject.campaign_id if subject is not None and subject.is_public else None


async def _accept(
    session: AsyncSession, instance: Instance, follows: Sequence[tuple[Arrival, Subject]], now: datetime
) -> None:
    """Answers every Follow, repeated ones too: the one who asks again has not heard."""
    for arrival, subject in follows:
        followed = await local_actors.by_id(session, subject.id)
        inbox = await actors.inbox(session, arrival.sender.id)
        if followed is None or inbox is None:
            continue
        await announce.say(
            session,
            urls=instance.urls,
            actor=followed,
            document=outgoing.accept(
                id=instance.urls.new_activity(),
                actor=instance.urls.actor(followed.name, followed.kind),
                object=arrival.activity.document,
                published=now,
            ),
            listed=False,
            inboxes=[inbox],
            now=now,
        )
