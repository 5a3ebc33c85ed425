"""Links under which people pass a campaign on, and how many signed who came through them."""

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.people_models import ShareLink

_BYTES = 9


class Link(Struct, frozen=True):
    """A link of one campaign; `signatures` came through it."""

    token: str
    coalition_id: int
    signatures: int


async def by_token(session: AsyncSession, token: str) -> Link | None:
    row = await session.scalar(select(ShareLink).where(ShareLink.token == token))
    return Link(row.token, row.coalition_id, row.signatures) if row else None


async def ids(session: AsyncSession, tokens: Collection[str]) -> dict[str, tuple[int, int]]:
    """Of those of these links that there are: their row keys and those of their coalitions."""
    found: dict[str, tuple[int, int]] = {}
    for part in batches.parts(tokens):
        rows = await session.execute(
            select(ShareLink.token, ShareLink.id, ShareLink.coalition_id).where(ShareLink.token.in_(part))
        )
        found |= {token: (link_id, coalition_id) for token, link_id, coalition_id in rows}
    return found


async def ensure(session: AsyncSession, given: Mapping[int, int], now: datetime) -> dict[int, str]:
    """The links of signatures, by row key, of these coalitions; those that have none get one."""
    found = await _of(session, given)
    missing = [signature_id for signature_id in given if signature_id not in found]
    if missing:
        new = {signature_id: secrets.token_urlsafe(_BYTES) for signature_id in missing}
        await session.execute(
            batches.insert(batches.dialect_of(session), ShareLink),
            [
                {
                    "token": token,
                    "coalition_id": given[signature_id],
                    "signature_id": signature_id,
                    "signatures": 0,
                    "created_at": now,
                }
                for signature_id, token in new.items()
            ],
        )
        found |= new
    return found


async def count(session: AsyncSession, more: Mapping[int, int]) -> None:
    """Adds signatures to links, by row key."""
    if more:
        given = batches.table(
            batches.dialect_of(session),
            "given",
            {"id": int, "more": int},
            [[link_id, number] for link_id, number in more.items()],
        )
        await session.execute(
            update(ShareLink)
            .where(ShareLink.id == given.c.id)
            .values(signatures=ShareLink.signatures + given.c.more)
            .execution_options(synchronize_session=False)
        )


async def _of(session: AsyncSession, signature_ids: Collection[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for part in batches.parts(signature_ids):
        rows = await session.execute(
            select(ShareLink.signature_id, ShareLink.token).where(ShareLink.signature_id.in_(part))
        )
        found |= {signature_id: token for signature_id, token in rows if signature_id is not None}
    return found
