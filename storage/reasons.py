"""What signers wrote as their reasons, sealed, and whether it is shown."""

from collections.abc import Collection
from datetime import datetime

from msgspec import Struct
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches, pages
from storage.coalition_models import Coalition, ForeignCampaign, Signature
from storage.models import Campaign
from storage.pages import Asked, Page
from storage.people_models import ALLOWED_REASON, HIDDEN_REASON, WAITING_REASON, Pledge

# In the words of their indexes, or SQLite would not use them.
_OF = {"pending": WAITING_REASON, "allowed": ALLOWED_REASON, "hidden": HIDDEN_REASON}


class Reason(Struct, frozen=True):
    """One, of a signature that counts. `shown` is how the signer's name may be shown."""

    signature_id: int
    campaign: str
    reason_sealed: bytes
    details_sealed: bytes
    shown: str
    country: str
    language: str
    confirmed_at: datetime | None


async def page(session: AsyncSession, state: str, asked: Asked, limit: int) -> Page[Reason]:
    """Those in this state (pending, allowed, hidden), the newest first; KeyError for another."""
    found = await pages.rows(
        session,
        select(
            Pledge.signature_id,
            func.coalesce(Campaign.slug, ForeignCampaign.slug, ""),
            Pledge.reason_sealed,
            Pledge.details_sealed,
            Pledge.shown,
            Signature.country,
            Pledge.language,
            Signature.confirmed_at,
        )
        .join(Signature, Signature.id == Pledge.signature_id)
        .join(Coalition, Coalition.id == Signature.coalition_id)
        .outerjoin(Campaign, Campaign.id == Coalition.campaign_id)
        .outerjoin(ForeignCampaign, ForeignCampaign.id == Coalition.foreign_id)
        .where(text(_OF[state]), Signature.state == "confirmed"),
        Pledge.signature_id,
        asked,
        limit,
    )
    return Page([Reason(*row) for row in found.items], found.older, found.newer)


async def set_state(session: AsyncSession, signature_ids: Collection[int], state: str) -> int:
    """Whether these are shown; returns how many there were."""
    decided = 0
    for part in batches.parts(signature_ids):
        found = await session.scalars(
            update(Pledge)
            .where(Pledge.signature_id.in_(part), Pledge.reason_sealed.is_not(None))
            .values(reason_state=state)
            .returning(Pledge.signature_id)
            .execution_options(synchronize_session=False)
        )
        decided += len(found.all())
    return decided
