"""Hands over what was signed here: a list, a paper that explains it, and what vouches for both."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from federation import handovers as documents
from federation import proofs, vocabulary
from federation.handovers import CSV, PDF, File, Handover
from federation.httpsig import Forged, KeyFor
from fedicause import keyring, support, tally
from fedicause.campaigning import goals, paper, sheets
from fedicause.campaigning.matter import Addresses, Listed, Matter, Order, Sheet
from fedicause.here import Here
from fedicause.seal import Seal
from fedicause.signing import asks, options
from storage import campaigns, coalitions, evidence, foreign, handovers, local_actors, tallies
from storage.coalition_models import Coalition
from storage.database import Database
from storage.handovers import Signed
from storage.models import Campaign, LocalActor

AT_ONCE: Final = 2000
LISTED_AT_MOST: Final = 50_000
"""More names than these are in the CSV alone: the paper would be a thousand pages."""
CSV_NAME, PDF_NAME, JSON_NAME = "signatures.csv", "handover.pdf", "handover.json"


async def find(session: AsyncSession, here: Here, slug: str, origin: str | None) -> Matter | None:
    """What we have collected for a campaign of ours, or of the instance at `origin`; None for nothing."""
    organisation, actor = await local_actors.organisation(session)
    own_uri = here.urls.actor(actor.name, actor.kind)
    common: dict[str, Any] = {
        "organisation": organisation.name,
        "own_uri": own_uri,
        "key_id": keyring.proof_key_id(actor, here.urls),
        "key": actor.ed25519_public,
    }
    if origin is None or origin == vocabulary.host_of(here.urls.base):
        ours = await campaigns.by_slug(session, slug)
        coalition = await coalitions.of_campaign(session, ours.id) if ours else None
        if ours is None or coalition is None or ours.state == "deleted":
            return None
        return await _ours(session, here, ours, coalition, common)
    theirs = await foreign.by_address(session, slug, origin)
    coalition = await coalitions.of_foreign(session, theirs.id) if theirs else None
    if theirs is None or coalition is None or not coalition.serial:
        return None
    texts = await foreign.texts(session, theirs.id)
    return Matter(
        coalition_id=coalition.id,
        until=coalition.serial,
        slug=theirs.slug,
        language=theirs.language,
        titles={language: text.title for language, text in texts.items()} or {"en": theirs.slug},
        fields=(),
        choices=(),
        has_organisations=theirs.kind == "open-letter",
        picture=theirs.picture,
        campaign_uri=theirs.actor_uri,
        page=here.urls.hosted(theirs.slug, theirs.origin),
        runner=theirs.organisation_name,
        published_at=theirs.published_at,
        closed_at=theirs.closed_at,
        retention_months=None,
        counted=await support.of_foreign(session, here.urls, theirs, here.now),
        thresholds=goals.of_campaign(theirs.thresholds, theirs.registered_at),
        **await _told(session, coalition),
        **common,
    )


async def chunks(
    database: Database, seal: Seal, matter: Matter, addresses: Addresses
) -> AsyncIterator[tuple[bytes, list[Listed]]]:
    """The CSV, piece by piece, with those whom each piece lists; nothing of it is held."""
    head = ["number", "name", *matter.fields, "country", "confirmed"]
    head += ["chosen"] if matter.choices else []
    head += ["organisation"] if matter.has_organisations else []
    if addresses != "none":
        head.append("mail")
    yield sheets.BOM.encode() + sheets.lines([head]), []
    serial, number = 0, 0
    while True:
        async with database.reading() as session:
            signed = await handovers.after(
                session,
                matter.coalition_id,
                serial,
                until=matter.until,
                organisation_uri=matter.own_uri,
                limit=AT_ONCE,
            )
        if signed:
            # Opening seals takes a while, in which others are answered.
            yield await asyncio.to_thread(_written, seal, matter, addresses, signed, number)
            serial, number = signed[-1].serial, number + len(signed)
        if len(signed) < AT_ONCE:
            return


async def write(database: Database, seal: Seal, matter: Matter, order: Order, file: IO[bytes]) -> Sheet:
    """Writes the CSV."""
    digest, size, number = hashlib.sha256(), 0, 0
    listed: list[Listed] = []
    async for piece, people in chunks(database, seal, matter, order.addresses):
        digest.update(piece)
        size += len(piece)
        number += len(people)
        if order.names:
            listed += people[: LISTED_AT_MOST - len(listed)]
        await asyncio.to_thread(file.write, piece)
    return Sheet(File(CSV_NAME, CSV, digest.hexdigest(), size), number, listed)


async def print_paper(matter: Matter, sheet: Sheet, order: Order, media: Path, now: datetime) -> bytes:
    """The PDF; made in a thread, as it takes seconds where there are many names."""
    picture = media / matter.picture if matter.picture else None
    return await asyncio.to_thread(paper.make, matter, sheet, order, picture, now)


def file_of(printed: bytes) -> File:
    return File(PDF_NAME, PDF, hashlib.sha256(printed).hexdigest(), len(printed))


async def vouch(session: AsyncSession, here: Here, matter: Matter, sheet: Sheet, printed: File) -> str:
    """Signs the checksums of both with the organisation's key, and keeps that: JSON that anybody may read."""
    await coalitions.locked(session, matter.coalition_id)
    number = await handovers.next_number(session, matter.coalition_id)
    _, actor = await local_actors.organisation(session)
    counted = matter.counted
    unsigned = documents.build(
        id=f"{matter.page}/handovers/{number}",
        author=matter.own_uri,
        campaign=matter.campaign_uri,
        title=matter.title(matter.language),
        published=here.now,
        signatures=sheet.signatures,
        support={name: counted[name] for name in ("total", "signatures", "endorsements")},
        files=[sheet.file, printed],
        tallies=matter.told,
    )
    signed = proofs.sign(unsigned, keyring.proof_key(actor, here.seal, here.urls), here.now)
    document = json.dumps(signed, ensure_ascii=False, indent=2)
    await handovers.add(session, matter.coalition_id, document, here.now, number=number)
    return document


async def verify(
    document: dict[str, Any], key_for: KeyFor, *, files: dict[str, IO[bytes]], now: datetime
) -> Handover:
    """What a document says, once its proof is checked and these files (by media type) are what it means.

    Raises Malformed; Forged, with the reason, also for a file that is another.
    """
    told = documents.read(document)
    signer = await proofs.verify(document, key_for, now=now)
    if signer != told.author:
        raise Forged("signed by somebody else than its author")
    for media_type, file in files.items():
        if media_type not in told.files:
            raise Forged(f"it says nothing of a file of the type {media_type}")
        digest = await asyncio.to_thread(hashlib.file_digest, file, "sha256")  # type: ignore[arg-type]
        if digest.hexdigest() != told.files[media_type].digest:
            raise Forged(f"this is not the {told.files[media_type].name} that was handed over")
    return told


async def _ours(
    session: AsyncSession, here: Here, campaign: Campaign, coalition: Coalition, common: dict[str, Any]
) -> Matter:
    texts = await campaigns.texts(session, campaign.id)
    actor = await session.get(LocalActor, campaign.actor_id)
    return Matter(
        coalition_id=coalition.id,
        until=coalition.serial,
        slug=campaign.slug,
        language=campaign.language,
        titles={language: text.title for language, text in texts.items()},
        fields=[ask.field for ask in asks.read(campaign.asks)],
        choices=options.read(texts[campaign.language].options) or options.read(campaign.roles),
        has_organisations=campaign.kind == "open-letter",
        picture=campaign.picture,
        campaign_uri=here.urls.actor(actor.name, actor.kind) if actor else coalition.campaign_uri,
        page=here.urls.note(campaign.slug),
        runner=common["organisation"],
        published_at=campaign.published_at or campaign.created_at,
        closed_at=campaign.closed_at,
        retention_months=campaign.retention_months,
        counted=await support.of_campaign(session, here.urls, campaign, here.now),
        thresholds=goals.of_campaign(campaign.thresholds, campaign.registered_at),
        **await _told(session, coalition),
        **common,
    )


async def _told(session: AsyncSession, coalition: Coalition) -> dict[str, Any]:
    """The newest tally of each organisation, by the value of its proof; and who is caught lying."""
    heads = await tallies.heads(session, coalition.id)
    liars = {row.author_uri for row in await evidence.standing(session, coalition.id) if row.kind == "tally"}
    signed = tally.roster_of(coalition)
    members = set(signed.members) if signed else set(heads)
    return {
        "told": [
            {
                "attributedTo": row.author_uri,
                "fc:epoch": row.epoch,
                "fc:version": row.version,
                "fc:signatures": row.signatures,
                "proofValue": row.proof_value,
            }
            for row in sorted(heads.values(), key=lambda row: row.author_uri)
            if row.author_uri in members and row.author_uri not in liars
        ],
        "excluded": sorted(liars),
    }


def _written(
    seal: Seal, matter: Matter, addresses: Addresses, signed: Sequence[Signed], before: int
) -> tuple[bytes, list[Listed]]:
    rows: list[list[str | int]] = []
    listed: list[Listed] = []
    for number, each in enumerate(signed, start=before + 1):
        details = json.loads(seal.open(each.details_sealed)) if each.details_sealed else {}
        name = str(details.get("name", ""))
        given = [str(details.get(field, "")) for field in matter.fields]
        day = f"{each.confirmed_at:%Y-%m-%d}"
        row: list[str | int] = [number, name, *given, each.country, day]
        if matter.choices:
            chosen = [word for place, word in enumerate(matter.choices) if each.ticked >> place & 1]
            row.append("; ".join(chosen))
        if matter.has_organisations:
            row.append(each.organisation or "")
        if addresses != "none":
            is_told = each.address_sealed and (addresses == "all" or each.consents)
            row.append(seal.open(each.address_sealed or b"").decode() if is_told else "")
        rows.append(row)
        place = " ".join(filter(None, (str(details.get(field, "")) for field in ("postcode", "city"))))
        listed.append(Listed(number, name, place, each.country, day))
    return sheets.lines(rows), listed
