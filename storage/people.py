"""People who signed, by the keyed hashes of their mail addresses."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.coalition_models import Signature
from storage.people_models import Door, Letter, Person, Pledge


class New(Struct, frozen=True):
    """Who was never here before: `address_sealed` as it was written, `domain` in its canonical spelling."""

    blind: bytes
    address_sealed: bytes
    domain: str
    language: str


async def by_blinds(session: AsyncSession, blinds: Collection[bytes]) -> dict[bytes, Person]:
    """Those of these people who are known; what is written to them waits for this transaction to end."""
    found: dict[bytes, Person] = {}
    for part in batches.parts(sorted(blinds)):
        rows = await session.scalars(
            # In one order, so that nobody waits for each other.
            select(Person)
            .where(Person.blind.in_(part))
            .order_by(Person.blind)
            .with_for_update(key_share=True)
        )
        found |= {row.blind: row for row in rows}
    return found


async def by_id(session: AsyncSession, person_id: int) -> Person | None:
    return await session.get(Person, person_id)


async def ensure(session: AsyncSession, given: Sequence[New], now: datetime) -> dict[bytes, Person]:
    """The people with these keyed hashes; those that are not known are added."""
    found = await by_blinds(session, {each.blind for each in given})
    missing = {each.blind: each for each in given if each.blind not in found}
    if missing:
        await session.execute(
            batches.insert(batches.dialect_of(session), Person).on_conflict_do_nothing(),
            [
                {
                    "blind": each.blind,
                    "address_sealed": each.address_sealed,
                    "domain": each.domain,
                    "language": each.language,
                    "created_at": now,
                    "bounced_at": None,
                    "declined_at": None,
                }
                for _, each in sorted(missing.items())
            ],
        )
        found |= await by_blinds(session, missing)
    return found


async def proven(session: AsyncSession, person_ids: Collection[int]) -> set[int]:
    """Those of these people who have confirmed something with the address that we have."""
    found: set[int] = set()
    for part in batches.parts(person_ids):
        found |= set(
            await session.scalars(
                select(Pledge.person_id)
                .join(Signature, Signature.id == Pledge.signature_id)
                .where(Pledge.person_id.in_(part), Signature.confirmed_at.is_not(None))
            )
        )
    return found


async def domain(session: AsyncSession, person_id: int) -> str:
    """The domain of somebody's address; empty for who is not known."""
    return await session.scalar(select(Person.domain).where(Person.id == person_id)) or ""


async def letters_since(
    session: AsyncSession, person_ids: Collection[int], since: datetime, kinds: Collection[str]
) -> dict[int, int]:
    """How many letters of these kinds went to each of these people since then; nobody with none."""
    counted: dict[int, int] = {}
    for part in batches.parts(person_ids):
        rows = await session.execute(
            select(Letter.person_id, func.count())
            .where(Letter.person_id.in_(part), Letter.created_at > since, Letter.kind.in_(kinds))
            .group_by(Letter.person_id)
        )
        counted |= {person_id: number for person_id, number in rows if person_id is not None}
    return counted


async def decline(session: AsyncSession, person_id: int, now: datetime) -> None:
    """Notes that somebody wants no letters. Of whoever signed nothing only the keyed hash is kept."""
    signs = exists().where(Pledge.person_id == person_id)
    await session.execute(
        update(Person)
        .where(Person.id == person_id)
        .values(declined_at=now)
        .execution_options(synchronize_session=False)
    )
    await session.execute(
        update(Person)
        .where(Person.id == person_id, ~signs)
        .values(address_sealed=b"", domain="")
        .execution_options(synchronize_session=False)
    )


async def relent(session: AsyncSession, before: datetime) -> None:
    """Lets letters go again to those who declined before then."""
    await session.execute(
        update(Person)
        .where(Person.declined_at < before)
        .values(declined_at=None)
        .execution_options(synchronize_session=False)
    )


async def forget_idle(session: AsyncSession, before: datetime, limit: int) -> int:
    """Forgets people who came before then, have signed nothing, and did not decline; returns how many."""
    idle = list(
        await session.scalars(
            select(Person.id)
            .where(
                Person.created_at < before,
                Person.declined_at.is_(None),
                ~exists().where(Pledge.person_id == Person.id),
            )
            .limit(limit)
        )
    )
    for part in batches.parts(idle):
        await session.execute(delete(Door).where(Door.person_id.in_(part)))
        await session.execute(delete(Letter).where(Letter.person_id.in_(part)))
        await session.execute(delete(Person).where(Person.id.in_(part)))
    return len(idle)


async def add_doors(session: AsyncSession, tokens: Mapping[bytes, int], expires_at: datetime) -> None:
    """Adds links to people's own pages: row keys of people by the SHA-256 of each token."""
    if tokens:
        await session.execute(
            batches.insert(batches.dialect_of(session), Door),
            [
                {"token": token, "person_id": person_id, "expires_at": expires_at}
                for token, person_id in tokens.items()
            ],
        )


async def purge_doors(session: AsyncSession, now: datetime) -> None:
    await session.execute(delete(Door).where(Door.expires_at < now))
