"""What waits for somebody of the staff, in numbers; and how much there is of everything."""

from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from storage.coalition_models import Coalition, Evidence, Member, Signature
from storage.models import Campaign, Counts, Testimony
from storage.moderation_models import Report
from storage.partner_models import Jump
from storage.people_models import WAITING_REASON, Letter, Pledge

FAILED_WITHIN = timedelta(days=7)


class Errands(Struct, frozen=True):
    """`requests`: organisations that ask to join a campaign of ours; `invitations`: those that ask us.

    `reasons` are what signers wrote and nobody has looked at, `held` endorsements that came as a wave.
    """

    requests: int
    invitations: int
    evidence: int
    jumps: int
    replies: int
    reasons: int
    reports: int
    held: int

    @property
    def partners(self) -> int:
        return self.requests + self.invitations + self.evidence + self.jumps

    @property
    def moderation(self) -> int:
        return self.replies + self.reasons + self.reports + self.held


class Figures(Struct, frozen=True):
    """The whole instance in numbers; `letters_failed` are those that no server took, in a week."""

    drafts: int
    published: int
    closed: int
    signatures: int
    endorsements: int
    shares: int
    subscriptions: int
    partners: int
    letters_waiting: int
    letters_failed: int


async def waiting(session: AsyncSession) -> Errands:
    own = Coalition.campaign_id.is_not(None)
    joined = select(func.count()).select_from(Member).join(Coalition, Coalition.id == Member.coalition_id)
    reasons = (
        select(func.count())
        .select_from(Pledge)
        .join(Signature, Signature.id == Pledge.signature_id)
        # In the words of its index, or SQLite would not use it.
        .where(text(WAITING_REASON), Signature.state == "confirmed")
    )
    return Errands(
        *await _numbers(
            session,
            joined.where(own, Member.state == "requested"),
            joined.where(~own, Member.state == "invited"),
            select(func.count()).select_from(Evidence).where(Evidence.lifted_at.is_(None)),
            select(func.count()).select_from(Jump).where(Jump.handled_at.is_(None)),
            select(func.count()).select_from(Testimony).where(Testimony.state == "pending"),
            reasons,
            select(func.count()).select_from(Report).where(Report.handled_at.is_(None)),
            select(func.coalesce(func.sum(Counts.held), 0)),
        )
    )


async def figures(session: AsyncSession, *, now: datetime) -> Figures:
    campaigns = select(func.count()).select_from(Campaign)
    letters = select(func.count()).select_from(Letter)
    return Figures(
        *await _numbers(
            session,
            *(campaigns.where(Campaign.state == state) for state in ("draft", "published", "closed")),
            select(func.coalesce(func.sum(Coalition.signatures), 0)),
            *(
                select(func.coalesce(func.sum(column), 0))
                for column in (Counts.endorsements, Counts.shares, Counts.subscriptions)
            ),
            select(func.count(Member.actor_uri.distinct())).where(Member.state == "accepted"),
            letters.where(Letter.ended_at.is_(None)),
            letters.where(Letter.ended_at > now - FAILED_WITHIN, Letter.outcome == "refused"),
        )
    )


async def _numbers(session: AsyncSession, *queries: Any) -> list[int]:
    row = (await session.execute(select(*(query.scalar_subquery() for query in queries)))).one()
    return [int(value) for value in row]
