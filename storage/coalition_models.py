"""The tables of coalitions: foreign campaigns, partners, what each collected, and who is caught lying.

A coalition is a campaign, ours or another's, as something that several organisations collect support for.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, Float, ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models import Base, RowId, partial

NAMED = "signatures.is_named AND signatures.state = 'confirmed'"
TICKED = "signatures.ticked > 0 AND signatures.state = 'confirmed'"


class Following(Base):
    """An organisation or a campaign elsewhere that our organisation follows.

    `next_at` is when is read again what it said; `failures` is how often in a row that failed.
    """

    __tablename__ = "followings"
    __table_args__ = (CheckConstraint("state IN ('requested', 'accepted', 'refused')", name="state"),)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    activity_uri: Mapped[str] = mapped_column(unique=True)
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    next_at: Mapped[datetime]
    failures: Mapped[int] = mapped_column(default=0)


class Sighting(Base):
    """A Note that somebody whom we follow shared: to be looked at, as it may be a campaign's call."""

    __tablename__ = "sightings"
    note_uri: Mapped[str] = mapped_column(primary_key=True)
    next_at: Mapped[datetime] = mapped_column(index=True)
    failures: Mapped[int] = mapped_column(default=0)


class ForeignCampaign(Base):
    """A campaign of another instance (its origin): our copy of what that says. `origin` is an authority.

    `refresh_at` is when the origin is asked again; at the latest a day after `fetched_at`.
    """

    __tablename__ = "foreign_campaigns"
    __table_args__ = (
        CheckConstraint("state IN ('published', 'closed', 'deleted')", name="state"),
        UniqueConstraint("origin", "slug"),
        Index(None, "refresh_at"),
    )
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    actor_uri: Mapped[str] = mapped_column(unique=True)
    note_uri: Mapped[str] = mapped_column(unique=True)
    slug: Mapped[str] = mapped_column(String(100))
    origin: Mapped[str] = mapped_column(String(300))
    inbox: Mapped[str]
    organisation_uri: Mapped[str] = mapped_column(index=True)
    organisation_name: Mapped[str]
    kind: Mapped[str] = mapped_column(String(16))
    topic: Mapped[str] = mapped_column(String(100))
    goal: Mapped[int | None]
    language: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    shares: Mapped[int] = mapped_column(default=0)
    thresholds: Mapped[str | None] = mapped_column(String(16))
    registered_at: Mapped[datetime | None]
    picture: Mapped[str | None]
    picture_source: Mapped[str | None]
    picture_alt: Mapped[str | None]
    picture_type: Mapped[str | None] = mapped_column(String(32))
    picture_width: Mapped[int | None]
    picture_height: Mapped[int | None]
    published_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    fetched_at: Mapped[datetime]
    refresh_at: Mapped[datetime]
    failures: Mapped[int] = mapped_column(default=0)


class ForeignText(Base):
    """The call of a foreign campaign in one language, sanitised."""

    __tablename__ = "foreign_texts"
    campaign_id: Mapped[int] = mapped_column(ForeignKey("foreign_campaigns.id"), primary_key=True)
    language: Mapped[str] = mapped_column(String(16), primary_key=True)
    title: Mapped[str]
    html: Mapped[str]


class Coalition(Base):
    """One campaign, ours (`campaign_id`) or another's (`foreign_id`), by the URI of its actor.

    `roster` is the newest signed document, empty before the first. `people` is how many different people the
    `sketched` signatures of all sketches are, by estimate; `error` is its relative error at two sigmas.
    """

    __tablename__ = "coalitions"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    campaign_uri: Mapped[str] = mapped_column(unique=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"), unique=True)
    foreign_id: Mapped[int | None] = mapped_column(ForeignKey("foreign_campaigns.id"), unique=True)
    sketch_key_sealed: Mapped[bytes | None]
    roster: Mapped[str] = mapped_column(default="")
    roster_version: Mapped[int] = mapped_column(default=0)
    people: Mapped[int | None]
    sketched: Mapped[int | None]
    error: Mapped[float | None] = mapped_column(Float)
    # Our own count: moved by signatures, told by tallies.
    signatures: Mapped[int] = mapped_column(default=0)
    serial: Mapped[int] = mapped_column(default=0)
    collected_at: Mapped[datetime | None]
    compared_at: Mapped[datetime | None]


class Member(Base):
    """An organisation that is, was or wants to be in a coalition: a partner, its request, or our own.

    `request_uri` is the id of the Join or Invite that is answered by `state`. `heard_at` is the last contact.
    """

    __tablename__ = "members"
    __table_args__ = (
        CheckConstraint(
            "state IN ('requested', 'invited', 'accepted', 'refused', 'left', 'removed')", name="state"
        ),
        UniqueConstraint("coalition_id", "actor_uri"),
    )
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"))
    actor_uri: Mapped[str] = mapped_column(index=True)
    host: Mapped[str] = mapped_column(String(300))
    name: Mapped[str] = mapped_column(default="")
    inbox: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(String(16))
    place: Mapped[int] = mapped_column(default=0)
    request_uri: Mapped[str | None]
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    heard_at: Mapped[datetime | None]
    evidence_etag: Mapped[str | None]


class Tally(Base):
    """The newest tally known of one author. `passed_on`: the origin sent it to the other partners.

    `before`, `before_at`: the signatures of about an hour ago, against which a jump is seen.
    """

    __tablename__ = "tallies"
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"), primary_key=True)
    author_uri: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    version: Mapped[int]
    signatures: Mapped[int]
    endorsements: Mapped[int]
    countries: Mapped[str]
    updated_at: Mapped[datetime]
    proof_value: Mapped[str] = mapped_column(String(200))
    document: Mapped[str]
    received_at: Mapped[datetime]
    passed_on: Mapped[bool]
    passed_at: Mapped[datetime | None]
    before: Mapped[int]
    before_at: Mapped[datetime]


class Evidence(Base):
    """Two documents that one author signed as the same version: tallies, or rosters (epoch 0)."""

    __tablename__ = "evidence"
    __table_args__ = (
        CheckConstraint("kind IN ('tally', 'roster')", name="kind"),
        UniqueConstraint("coalition_id", "kind", "author_uri", "epoch", "version"),
    )
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"))
    kind: Mapped[str] = mapped_column(String(8))
    author_uri: Mapped[str]
    epoch: Mapped[int]
    version: Mapped[int]
    one: Mapped[str]
    other: Mapped[str]
    found_at: Mapped[datetime]
    lifted_at: Mapped[datetime | None]


class Signature(Base):
    """A person's signature, given here. `item` is the keyed hash of the canonical address (WIRE: fc:Sketch).

    `serial` numbers the confirmations of a coalition in their order, with gaps where one was withdrawn.
    `is_named`: something of the name may be shown; `ticked`: the bits of the answer or the roles chosen.
    `invalidation_id`: the row key of the Invalidation that took it out.
    """

    __tablename__ = "signatures"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'confirmed', 'withdrawn', 'invalid')", name="state"),
        UniqueConstraint("coalition_id", "item"),
        Index(None, "coalition_id", "serial"),
        partial("ix_signatures_named", "coalition_id", "serial", where=NAMED.replace("signatures.", "")),
        partial("ix_signatures_ticked", "coalition_id", "ticked", where=TICKED.replace("signatures.", "")),
        Index(None, "coalition_id", "asked_at"),
        partial("ix_signatures_invalidated", "invalidation_id", where="invalidation_id IS NOT NULL"),
    )
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"))
    item: Mapped[bytes]
    country: Mapped[str] = mapped_column(String(2))
    state: Mapped[str] = mapped_column(String(16))
    serial: Mapped[int]
    asked_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    invalidation_id: Mapped[int | None]
    is_named: Mapped[bool] = mapped_column(server_default=false())
    ticked: Mapped[int] = mapped_column(server_default=text("0"))


class CountryCount(Base):
    """Our own signatures of one country (ISO 3166-1 alpha-2; ZZ: unknown), moved with those of all."""

    __tablename__ = "country_counts"
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"), primary_key=True)
    country: Mapped[str] = mapped_column(String(2), primary_key=True)
    signatures: Mapped[int]


class ElsewhereCount(Base):
    """A count from elsewhere (paper, an official system), of one country or of all; never in totals."""

    __tablename__ = "elsewhere_counts"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), index=True)
    source: Mapped[str]
    count: Mapped[int]
    country: Mapped[str | None] = mapped_column(String(2))
    counted_at: Mapped[datetime]
    entered_at: Mapped[datetime]
