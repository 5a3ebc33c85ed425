"""Signatures of people, by the keyed hash of their address, and the counts that they move."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.coalition_models import Coalition, CountryCount, Signature


@dataclass(frozen=True, slots=True)
class Recount:
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
