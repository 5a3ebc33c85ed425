"""What we collected, told as a signed tally; what the others collected, heard, kept and passed on."""

import json
import logging
import secrets
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import coalition as activities
from federation import proofs, rosters
from federation import tallies as documents
from federation.rosters import Roster
from federation.tallies import Tally
from fedicause import announce, keyring
from fedicause.coalition.book import Book, Version
from fedicause.here import Here
from fedicause.urls import Urls
from storage import coalitions, counts, evidence, local_actors, members, past_tallies, tallies, turns
from storage.coalition_models import Coalition
from storage.coalition_models import Tally as Row
from storage.models import LocalActor

log = logging.getLogger(__name__)

JUMP_WINDOW: Final = timedelta(hours=1)
JUMP_FROM: Final = 1000
"""A tally that grew by less is no jump, however little it was before."""
# After a start at which not every partner could be asked: what they may know of us is passed by.
EPOCHS_SKIPPED: Final = 1 << 20
# Of one author, beside what an admin has lifted: who is excluded already is not excluded more.
EVIDENCE_KEPT: Final = 16
# What was in time when it came is never too early again.
EVER: Final = datetime(9998, 1, 1, tzinfo=UTC)


class Heard(Struct, frozen=True):
    """Whose tallies or roster are newer now. `overtaken`: somebody knows of a newer tally of our own."""

    authors: frozenset[str]
    overtaken: int | None
    """Its epoch."""


async def book_of(
    session: AsyncSession, coalition: Coalition, authors: Collection[str] | None = None
) -> Book:
    """What is known of a coalition: of all authors, or of these."""
    rows = await tallies.heads(session, coalition.id, authors)
    past = await past_tallies.of(session, coalition.id, [*rows])
    known = await evidence.of(session, coalition.id)
    return Book(
        roster=roster_of(coalition),
        heads={author: tally_of(row) for author, row in rows.items()},
        past={
            Version("tally", author, epoch, version): json.loads(document)
            for (author, epoch, version), document in past.items()
        },
        forks={
            Version(row.kind, row.author_uri, row.epoch, row.version): (
                json.loads(row.one),
                json.loads(row.other),
            )
            for row in known
        },
    )


def roster_of(coalition: Coalition) -> Roster | None:
    """The newest roster as it was read and verified when it came."""
    if not coalition.roster:
        return None
    return rosters.read(json.loads(coalition.roster), now=EVER)


def tally_of(row: Row) -> Tally:
    """A tally as it was read and verified when it came."""
    return documents.read(json.loads(row.document), now=EVER)


async def hear(
    session: AsyncSession,
    coalition: Coalition,
    heard: Sequence[Tally],
    *,
    own_uri: str,
    jump: int,
    now: datetime,
) -> Heard:
    """Takes tallies whose proofs were verified. `jump`: how many times as many in an hour are flagged."""
    mine = [tally for tally in heard if tally.campaign == coalition.campaign_uri]
    coalition = await coalitions.locked(session, coalition.id)
    authors = {tally.author for tally in mine}
    book = await book_of(session, coalition, authors)
    before = dict(book.heads)
    forks, past = set(book.forks), set(book.past)
    for tally in mine:
        book.hear(tally)
    await keep_forks(session, coalition.id, book, forks, now)
    older = {version: _text(book.past[version]) for version in book.past.keys() - past}
    await past_tallies.put(session, coalition.id, {key[1:]: text for key, text in older.items()})
    newer = {author: tally for author, tally in book.heads.items() if before.get(author) is not tally}
    await _keep_heads(session, coalition, newer, own_uri=own_uri, jump=jump, now=now)
    # By whoever's hand: somebody has heard of them.
    await members.heard(session, coalition.id, newer.keys() - {own_uri}, now)
    own = newer.get(own_uri)
    forked = any(version.author == own_uri for version in book.forks.keys() - forks)
    if own is None and forked:
        own = book.heads.get(own_uri)
    return Heard(frozenset(newer), own.epoch if own else None)


async def hear_evidence(
    session: AsyncSession, coalition: Coalition, pairs: Sequence[tuple[Any, Any]], *, now: datetime
) -> int:
    """Takes pairs of tallies or of rosters, all with verified proofs; returns how many tell anything new."""
    coalition = await coalitions.locked(session, coalition.id)
    book = await book_of(session, coalition, [])
    before = set(book.forks)
    partners = book.roster.members if book.roster is not None else ()
    for one, other in pairs:
        if isinstance(one, Tally) and isinstance(other, Tally):
            version = Version("tally", one.author, one.epoch, one.version)
            same = version == Version("tally", other.author, other.epoch, other.version)
        else:
            version = Version("roster", one.campaign, 0, one.version)
            same = version == Version("roster", other.campaign, 0, other.version)
        about_us = one.campaign == other.campaign == coalition.campaign_uri
        of_ours = version.kind == "roster" or version.author in partners
        is_new = of_ours and version not in book.forks
        if same and about_us and is_new and proofs.covered(one.document) != proofs.covered(other.document):
            book.forks[version] = (one.document, other.document)
    await keep_forks(session, coalition.id, book, before, now)
    return len(book.forks) - len(before)


async def keep_forks(
    session: AsyncSession, coalition_id: int, book: Book, before: Collection[Version], now: datetime
) -> None:
    standing = Counter(row.author_uri for row in await evidence.standing(session, coalition_id))
    for version in sorted(book.forks.keys() - set(before)):
        standing[version.author] += 1
        if standing[version.author] > EVIDENCE_KEPT:
            continue
        one, other = book.forks[version]
        log.warning("%s signed two documents as one version (%s)", version.author, version.kind)
        await evidence.add(
            session,
            coalition_id=coalition_id,
            kind=version.kind,
            author_uri=version.author,
            epoch=version.epoch,
            version=version.version,
            one=_text(one),
            other=_text(other),
            now=now,
        )


async def _keep_heads(
    session: AsyncSession,
    coalition: Coalition,
    newer: Mapping[str, Tally],
    *,
    own_uri: str,
    jump: int,
    now: datetime,
) -> None:
    rows = await tallies.heads(session, coalition.id, [*newer])
    for author, tally in newer.items():
        row = rows.get(author)
        if row is None:
            row = Row(coalition_id=coalition.id, author_uri=author, before=tally.signatures, before_at=now)
            session.add(row)
        elif author != own_uri:
            await _look_for_jump(session, row, tally, jump, now)
        _write(row, tally, now, passed_on=author == own_uri or coalition.campaign_id is None)
    await session.flush()


async def _look_for_jump(session: AsyncSession, row: Row, tally: Tally, jump: int, now: datetime) -> None:
    if now - row.before_at >= JUMP_WINDOW:
        row.before, row.before_at = row.signatures, now
    most = max(jump * row.before, row.before + JUMP_FROM)
    if row.signatures < most <= tally.signatures:
        log.warning("the tally of %s jumped from %d to %d", row.author_uri, row.before, tally.signatures)
        await past_tallies.flag(
            session,
            coalition_id=row.coalition_id,
            author_uri=row.author_uri,
            before=row.before,
            after=tally.signatures,
            now=now,
        )


def _write(row: Row, tally: Tally, now: datetime, *, passed_on: bool) -> None:
    row.epoch, row.version = _order(tally)
    row.signatures, row.endorsements = tally.signatures, tally.endorsements
    row.countries = _text(tally.countries)
    row.updated_at, row.received_at = tally.updated, now
    row.proof_value, row.document = tally.proof_value, _text(tally.document)
    row.passed_on = passed_on


async def issue(
    session: AsyncSession, here: Here, coalition_id: int, *, above: int | None = None
) -> Tally | None:
    """Tells our count as it is now, unless it was told before. `above`: in a new epoch, above this one."""
    coalition = await coalitions.locked(session, coalition_id)
    _, organisation = await local_actors.organisation(session)
    uri = here.urls.actor(organisation.name, organisation.kind)
    row = (await tallies.heads(session, coalition_id, [uri])).get(uri)
    told = tally_of(row) if row is not None else None
    endorsements = await _endorsements(session, coalition)
    countries = documents.folded(await coalitions.own_countries(session, coalition_id))
    key = keyring.proof_key(organisation, here.seal, here.urls)
    is_told = (
        told is not None
        and (told.signatures, told.endorsements, dict(told.countries))
        == (coalition.signatures, endorsements, countries)
        # Once keys were changed it is told again: as a newer version, for two of one would be evidence.
        and proofs.key_id(told.document) == key.id
    )
    if row is not None and is_told and above is None:
        row.received_at = here.now
        return None
    epoch, version = (told.epoch, told.version + 1) if told else (1, 1)
    if above is not None:
        epoch, version = max(epoch, above) + 1, 1
    page = await page_of(session, here.urls, coalition)
    unsigned = documents.build(
        id=f"{page}/tally",
        author=uri,
        campaign=coalition.campaign_uri,
        epoch=epoch,
        version=version,
        signatures=coalition.signatures,
        endorsements=endorsements,
        countries=countries,
        updated=here.now,
    )
    tally = documents.read(proofs.sign(unsigned, key, here.now), now=here.now)
    if row is not None:
        await past_tallies.put(session, coalition_id, {(uri, row.epoch, row.version): row.document})
    else:
        row = Row(coalition_id=coalition_id, author_uri=uri, before=0, before_at=here.now)
        session.add(row)
    _write(row, tally, here.now, passed_on=True)
    await session.flush()
    await _tell(session, here, coalition, organisation, tally)
    return tally


async def pass_on(session: AsyncSession, here: Here, *, before: datetime) -> int:
    """Sends what partners have told the origin to the other partners, unchanged; returns how many tallies.

    Of each partner again only if the last one was passed on `before` that.
    """
    await turns.alone(session, "tallies")
    _, organisation = await local_actors.organisation(session)
    uri = here.urls.actor(organisation.name, organisation.kind)
    waiting = await tallies.not_passed_on(session, own_uri=uri, before=before)
    for coalition_id, rows in waiting.items():
        coalition = await coalitions.locked(session, coalition_id)
        for row in rows:
            await _announce(session, here, coalition, tally_of(row))
        await tallies.passed_on(session, coalition_id, [row.author_uri for row in rows], here.now)
    return sum(map(len, waiting.values()))


async def _tell(
    session: AsyncSession, here: Here, coalition: Coalition, organisation: LocalActor, tally: Tally
) -> None:
    campaign = await coalitions.theirs(session, coalition)
    if campaign is None:
        await _announce(session, here, coalition, tally)
        return
    await announce.say(
        session,
        urls=here.urls,
        actor=organisation,
        document=activities.update(
            id=here.urls.new_activity(),
            actor=tally.author,
            object=tally.document,
            published=here.now,
            to=[coalition.campaign_uri],
        ),
        listed=False,
        inboxes=[campaign.inbox],
        now=here.now,
        replaces=tally.id,
    )


async def _announce(session: AsyncSession, here: Here, coalition: Coalition, tally: Tally) -> None:
    ours = await coalitions.ours(session, coalition)
    partners = [
        each for each in await members.accepted(session, coalition.id) if each.actor_uri != tally.author
    ]
    if ours is None or not partners:
        return
    await announce.say(
        session,
        urls=here.urls,
        actor=ours[1],
        document=activities.announce(
            id=here.urls.new_activity(),
            actor=coalition.campaign_uri,
            object=tally.document,
            published=here.now,
            to=[each.actor_uri for each in partners],
        ),
        listed=False,
        inboxes=[each.inbox for each in partners if each.inbox],
        now=here.now,
        replaces=tally.id,
    )


async def _endorsements(session: AsyncSession, coalition: Coalition) -> int:
    ours = await coalitions.ours(session, coalition)
    return (await counts.of(session, ours[0].actor_id)).endorsements if ours else 0


async def page_of(session: AsyncSession, urls: Urls, coalition: Coalition) -> str:
    """Our page of the campaign, below which its documents are."""
    ours = await coalitions.ours(session, coalition)
    if ours is not None:
        return urls.note(ours[0].slug)
    theirs = await coalitions.theirs(session, coalition)
    if theirs is None:
        raise LookupError(f"the coalition {coalition.id} has no campaign")
    return urls.hosted(theirs.slug, theirs.origin)


def skipped(epoch: int) -> int:
    """An epoch that nobody can have heard of, where not everybody could be asked."""
    return epoch + secrets.randbelow(EPOCHS_SKIPPED)


def _order(tally: Tally) -> tuple[int, int]:
    return tally.epoch, tally.version


def _text(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
