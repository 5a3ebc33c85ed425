"""How many different people signed, whichever organisations they signed with: by sketches."""

import json
import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from federation import proofs, sketches
from federation import tallies as documents
from federation.sketches import Sketch
from fedicause import keyring
from fedicause.coalition import roster
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.tally import EVER, page_of, roster_of
from storage import coalitions, evidence, local_actors, past_tallies, retention, signatures, tallies
from storage import sketches as sketch_rows
from storage.coalition_models import Coalition
from storage.coalition_models import Tally as TallyRow
from storage.partner_models import Sketch as Row

log = logging.getLogger(__name__)

ITEMS_AT_ONCE: Final = 20_000
# An author's own sketch and tally tell of the same people, but for its error and a moment's growth.
FAR_OFF: Final = 0.1
# A sketch that is so little behind its tally tells the same.
BEHIND: Final = 0.01


async def hear(session: AsyncSession, sketch: Sketch, now: datetime) -> bool:
    """Takes a sketch whose proof was verified; whether it is a newer one of somebody on the roster."""
    found = await coalitions.by_uri(session, sketch.campaign)
    if found is None:
        return False
    coalition = await coalitions.locked(session, found.id)
    signed = roster_of(coalition)
    head = (await tallies.heads(session, coalition.id, [sketch.author])).get(sketch.author)
    known = await sketch_rows.one(session, coalition.id, sketch.author)
    if signed is None or sketch.author not in signed.members or head is None:
        return False
    if head.signatures < sketches.FROM or (
        known is not None and (sketch.epoch, sketch.version) <= (known.epoch, known.version)
    ):
        return False
    await sketches.load()
    people = sketches.estimate([sketch.value]).people
    told = await _told(session, coalition.id, sketch, head)
    if abs(people - told) > FAR_OFF * told:
        log.info("a sketch of %s says %d people, its tally %d", sketch.author, people, told)
        return False
    row = known or Row(coalition_id=coalition.id, author_uri=sketch.author, built_at=now)
    session.add(row)
    row.epoch, row.version, row.signatures = sketch.epoch, sketch.version, told
    row.value, row.document, row.built_at = sketch.value, json.dumps(sketch.document), now
    await session.flush()
    await reckon(session, coalition)
    return True


async def refresh(instance: Instance, coalition_id: int) -> None:
    """Brings our own sketch up to our own tally, in steps; from 1,000 signatures up there is one."""
    async with instance.database.reading() as session:
        if await retention.is_anonymised(session, coalition_id):
            # Nothing can be built of what is random now; the last one stays true, as nobody signs any more.
            return
        coalition = await coalitions.by_id(session, coalition_id)
        uri = await roster.own_uri(session, instance.urls)
        row = await sketch_rows.one(session, coalition_id, uri)
        head = (await tallies.heads(session, coalition_id, [uri])).get(uri)
    if coalition is None or head is None or coalition.sketch_key_sealed is None:
        return
    withdrawn = row.spoilt if row is not None else 0
    is_outdated = (
        withdrawn > 0 and row is not None and instance.now() - row.built_at >= instance.settings.compare_every
    )
    value: bytes | None = None
    serial, built_at = 0, instance.now()
    if row is not None and not is_outdated:
        value, serial, built_at = row.value, row.serial, row.built_at
    if coalition.signatures < sketches.FROM:
        if row is None:
            return
        value = b""
    elif withdrawn and not is_outdated:
        # It is built anew in a moment. As of the newest tally it would be taken, and not be asked for again.
        return
    elif row is None or is_outdated or row.serial < coalition.serial:
        value, serial = await _grown(instance, coalition_id, value, serial)
    elif (row.epoch, row.version) == (head.epoch, head.version):
        return
    # Else what it says is told already, but not as of the newest tally: others would take it for old.
    async with instance.database.writing() as session:
        await _keep(
            session, Here.at(instance), coalition_id, value, serial, built_at, withdrawn if is_outdated else 0
        )


async def sign_again(session: AsyncSession, here: Here, coalition_id: int) -> None:
    """Signs a sketch again that stays as it is, as nobody knows who signed; others are built in a round."""
    _, organisation = await local_actors.organisation(session)
    uri = here.urls.actor(organisation.name, organisation.kind)
    row = await sketch_rows.one(session, coalition_id, uri)
    if row is not None and await retention.is_anonymised(session, coalition_id):
        await _keep(session, here, coalition_id, row.value, row.serial, row.built_at, 0)


async def reckon(session: AsyncSession, coalition: Coalition) -> None:
    """Reckons from the sketches of the roster, but for liars, how many people signed."""
    coalition.people, coalition.sketched, coalition.error = await _reckoned(session, coalition)
    await session.flush()


async def review(instance: Instance, coalition_id: int) -> None:
    """Reckons anew where other sketches count now: by a new roster, evidence, or what an admin lifted."""
    async with instance.database.reading() as session:
        coalition = await coalitions.by_id(session, coalition_id)
        if coalition is None or (coalition.people, coalition.sketched, coalition.error) == await _reckoned(
            session, coalition
        ):
            return
    async with instance.database.writing() as session:
        await reckon(session, await coalitions.locked(session, coalition_id))


async def _reckoned(
    session: AsyncSession, coalition: Coalition
) -> tuple[int, int, float] | tuple[None, None, None]:
    rows = await sketch_rows.of(session, coalition.id)
    heads = await tallies.heads(session, coalition.id, [*rows])
    signed = roster_of(coalition)
    liars = {row.author_uri for row in await evidence.standing(session, coalition.id) if row.kind == "tally"}
    members = set(signed.members if signed else ()) - liars
    counted = [
        row
        for author, row in rows.items()
        # Who has so few by now shows none any more.
        if author in members and author in heads and heads[author].signatures >= sketches.FROM
    ]
    # One sketch alone tells of nobody twice.
    if len(counted) < 2:
        return None, None, None
    await sketches.load()
    found = sketches.estimate([row.value for row in counted])
    return found.people, sum(row.signatures for row in counted), found.error


def wanted(heads: Iterable[TallyRow], rows: dict[str, Row]) -> list[str]:
    """The authors whose sketch we lack, or have one of that is behind its tally."""
    return [
        head.author_uri
        for head in heads
        if head.signatures >= sketches.FROM
        and (
            head.author_uri not in rows
            or abs(head.signatures - rows[head.author_uri].signatures) > BEHIND * head.signatures
        )
    ]


async def _told(session: AsyncSession, coalition_id: int, sketch: Sketch, head: TallyRow) -> int:
    """The signatures of the tally that a sketch is as old as: the newest one may have grown since.

    Of the newest where that one never came.
    """
    past = await past_tallies.of(session, coalition_id, [sketch.author])
    document = past.get((sketch.author, sketch.epoch, sketch.version))
    return documents.read(json.loads(document), now=EVER).signatures if document else head.signatures


async def _grown(
    instance: Instance, coalition_id: int, value: bytes | None, serial: int
) -> tuple[bytes, int]:
    await sketches.load()
    while True:
        async with instance.database.reading() as session:
            items = await signatures.items_after(session, coalition_id, serial, ITEMS_AT_ONCE)
        value = sketches.grown(value, [item for _, item in items])
        if items:
            serial = items[-1][0]
        if len(items) < ITEMS_AT_ONCE:
            return value, serial


async def _keep(  # noqa: PLR0917 - the sketch, part by part
    session: AsyncSession,
    here: Here,
    coalition_id: int,
    value: bytes | None,
    serial: int,
    built_at: datetime,
    withdrawn: int,
) -> None:
    coalition = await coalitions.locked(session, coalition_id)
    _, organisation = await local_actors.organisation(session)
    uri = here.urls.actor(organisation.name, organisation.kind)
    head = (await tallies.heads(session, coalition_id, [uri])).get(uri)
    row = await sketch_rows.one(session, coalition_id, uri)
    if not value or head is None:
        if row is not None:
            await session.delete(row)
            await session.flush()
            await reckon(session, coalition)
        return
    unsigned = sketches.build(
        id=f"{await page_of(session, here.urls, coalition)}/sketch",
        author=uri,
        campaign=coalition.campaign_uri,
        epoch=head.epoch,
        version=head.version,
        value=value,
    )
    document = proofs.sign(unsigned, keyring.proof_key(organisation, here.seal, here.urls), here.now)
    if row is None:
        row = Row(coalition_id=coalition_id, author_uri=uri, spoilt=0)
        session.add(row)
    row.epoch, row.version, row.signatures = head.epoch, head.version, coalition.signatures
    row.value, row.document, row.serial, row.built_at = value, json.dumps(document), serial, built_at
    row.spoilt = max(0, (row.spoilt or 0) - withdrawn)
    await session.flush()
    await reckon(session, coalition)
