"""Signatures of people, by the keyed hash of their address, and the counts that they move."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import FromClause, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.coalition_models import Coalition, CountryCount, Signature


class Recount(Struct, frozen=True):
    """One coalition: the stored and the counted signatures, and by country both where they differ."""

    coalition_id: int
    campaign_uri: str
    stored: int
    counted: int
    differing: dict[str, tuple[int, int]]

    @property
    def agrees(self) -> bool:
        return self.stored == self.counted and not self.differing


async def by_items(
    session: AsyncSession, coalition_id: int, items: Collection[bytes]
) -> dict[bytes, Signature]:
    """The signatures of these items that there are, withdrawn ones too."""
    found: dict[bytes, Signature] = {}
    listed = list(items)
    for start in range(0, len(listed), 500):
        part = listed[start : start + 500]
        rows = await session.scalars(
            select(Signature).where(Signature.coalition_id == coalition_id, Signature.item.in_(part))
        )
        found |= {row.item: row for row in rows}
    return found


async def add(
    session: AsyncSession, coalition_id: int, given: Mapping[bytes, str], *, serial: int, now: datetime
) -> None:
    """Adds confirmed signatures: countries by item; numbered from after `serial`."""
    if given:
        await session.execute(
            batches.insert(batches.dialect_of(session), Signature),
            [
                {
                    "coalition_id": coalition_id,
                    "item": item,
                    "country": country,
                    "state": "confirmed",
                    "serial": serial + number,
                    "asked_at": now,
                    "confirmed_at": now,
                    "withdrawn_at": None,
                }
                for number, (item, country) in enumerate(given.items(), start=1)
            ],
        )


async def move(
    session: AsyncSession,
    coalition_id: int,
    countries: Mapping[str, int],
    *,
    serial: int,
    now: datetime,
) -> None:
    """Moves the counts: by country how many more or fewer there are; `serial` is the last number given."""
    await session.execute(
        update(Coalition)
        .where(Coalition.id == coalition_id)
        .values(signatures=Coalition.signatures + sum(countries.values()), serial=serial, collected_at=now)
        .execution_options(synchronize_session=False)
    )
    rows = [[coalition_id, country, moved] for country, moved in sorted(countries.items()) if moved]
    if rows:
        statement = batches.insert_rows(
            batches.dialect_of(session),
            CountryCount,
            {"coalition_id": int, "country": str, "signatures": int},
            rows,
        )
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=["coalition_id", "country"],
                set_={"signatures": CountryCount.signatures + statement.excluded.signatures},
            )
        )


async def invalidate(
    session: AsyncSession, coalition_id: int, signature_ids: Collection[int], invalidation_id: int
) -> list[tuple[str, str, int]]:
    """Marks those of these that are confirmed or pending as fakes; returns their state, country and number.

    Moves no count. The coalition is locked meanwhile.
    """
    given = _keys(session, signature_ids)
    mine = (
        Signature.id.in_(select(given.c.id)),
        # By its index SQLite would look through the whole coalition for them.
        Signature.coalition_id + 0 == coalition_id,
        Signature.state.in_(("confirmed", "pending")),
    )
    rows = await session.execute(
        select(Signature.state, Signature.country, func.count())
        .where(*mine)
        .group_by(Signature.state, Signature.country)
    )
    found = [(state, country, number) for state, country, number in rows]
    await session.execute(
        update(Signature)
        .where(*mine)
        .values(state="invalid", invalidation_id=invalidation_id)
        .execution_options(synchronize_session=False)
    )
    return found


async def restore(
    session: AsyncSession, signature_ids: Collection[int], invalidation_id: int, *, serial: int
) -> list[tuple[str, str, int]]:
    """Gives these fakes of one invalidation the state that they had; returns that, country and number.

    Who counts again is numbered from after `serial`. Moves no count. The coalition is locked meanwhile.
    """
    given = _keys(session, signature_ids)
    rows = list(
        await session.execute(
            select(Signature.id, Signature.country, Signature.confirmed_at)
            .where(
                Signature.id.in_(select(given.c.id)),
                Signature.invalidation_id + 0 == invalidation_id,
                Signature.state == "invalid",
            )
            .order_by(Signature.id)
        )
    )
    counted = [key for key, _, confirmed_at in rows if confirmed_at is not None]
    numbers = {key: serial + place for place, key in enumerate(counted, start=1)}
    back = batches.table(
        batches.dialect_of(session),
        "back",
        {"id": int, "state": str, "serial": int},
        [[key, "confirmed" if key in numbers else "pending", numbers.get(key, 0)] for key, _, _ in rows],
    )
    await session.execute(
        update(Signature)
        .where(Signature.id == back.c.id)
        .values(state=back.c.state, serial=back.c.serial, invalidation_id=None)
        .execution_options(synchronize_session=False)
    )
    found = Counter(("confirmed" if key in numbers else "pending", country) for key, country, _ in rows)
    return [(state, country, number) for (state, country), number in found.items()]


def _keys(session: AsyncSession, signature_ids: Collection[int]) -> FromClause:
    return batches.table(
        batches.dialect_of(session), "given", {"id": int}, [[each] for each in signature_ids]
    )


async def items_after(
    session: AsyncSession, coalition_id: int, serial: int, limit: int
) -> list[tuple[int, bytes]]:
    """The confirmed signatures with higher numbers, in their order: number and item."""
    query = (
        select(Signature.serial, Signature.item)
        .where(
            Signature.coalition_id == coalition_id,
            Signature.serial > serial,
            Signature.state == "confirmed",
        )
        .order_by(Signature.serial)
        .limit(limit)
    )
    return [(number, item) for number, item in await session.execute(query)]


async def recount(session: AsyncSession) -> list[Recount]:
    """Our counts of every coalition beside the signatures that there are."""
    stored = {
        (row[0], row[1]): row[2]
        for row in await session.execute(
            select(CountryCount.coalition_id, CountryCount.country, CountryCount.signatures)
        )
    }
    counted = {
        (row[0], row[1]): row[2]
        for row in await session.execute(
            select(Signature.coalition_id, Signature.country, func.count())
            .where(Signature.state == "confirmed")
            .group_by(Signature.coalition_id, Signature.country)
        )
    }
    found = []
    for coalition_id, uri, number in await session.execute(
        select(Coalition.id, Coalition.campaign_uri, Coalition.signatures).order_by(Coalition.id)
    ):
        differing = {
            country: (stored.get((coalition_id, country), 0), counted.get((coalition_id, country), 0))
            for of, country in stored.keys() | counted.keys()
            if of == coalition_id and stored.get((of, country), 0) != counted.get((of, country), 0)
        }
        total = sum(signed for (of, _), signed in counted.items() if of == coalition_id)
        found.append(Recount(coalition_id, uri, number, total, differing))
    return found


async def replace(session: AsyncSession, recounted: Collection[Recount], *, now: datetime) -> None:
    """Sets these counts to what was counted, while their coalitions are locked."""
    for each in recounted:
        for country, (_, counted) in each.differing.items():
            await session.merge(
                CountryCount(coalition_id=each.coalition_id, country=country, signatures=counted)
            )
        await session.flush()
        await session.execute(
            update(Coalition)
            .where(Coalition.id == each.coalition_id)
            .values(signatures=each.counted, collected_at=now)
            .execution_options(synchronize_session=False)
        )
