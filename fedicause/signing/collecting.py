"""Where signatures are taken: at campaigns of ours, and at those of others in whose coalition we are."""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct, field
from sqlalchemy.ext.asyncio import AsyncSession

from federation import vocabulary
from fedicause import partners
from fedicause.here import Here
from fedicause.signing import options
from fedicause.urls import Urls
from storage import campaigns, coalitions, foreign, local_actors, members
from storage.coalition_models import Coalition, ForeignCampaign
from storage.models import Campaign, LocalActor, Organisation

OWN, ORIGIN = "own", "origin"
"""The organisations that may ask to write to somebody: ours, and the one whose campaign it is."""


class Closed(Exception):
    """The campaign takes no signatures any more."""


class NotCollected(Exception):
    """No such campaign takes signatures here."""


class Place(Struct, frozen=True):
    """A campaign that takes signatures here. `key` is the one of its sketches, `page` its page here.

    `organisations` by OWN and ORIGIN: URI and name; ORIGIN only where the campaign is another's.
    `campaign_id` where it is ours; `answers` of a consultation by language.
    """

    coalition_id: int
    key: bytes
    page: str
    language: str
    titles: Mapping[str, str]
    organisations: Mapping[str, tuple[str, str]]
    kind: str = "petition"
    campaign_id: int | None = None
    answers: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def title(self, language: str) -> str:
        """In this language, or else in the campaign's own."""
        return self.titles.get(language) or self.titles.get(self.language) or next(iter(self.titles.values()))

    def choices(self, language: str) -> Sequence[str]:
        """The answers to choose from, in this language or else in the campaign's own."""
        return self.answers.get(language) or self.answers.get(self.language, ())

    @property
    def collector(self) -> str:
        """The name of our organisation."""
        return self.organisations[OWN][1]


async def find(session: AsyncSession, here: Here, slug: str, origin: str | None) -> Place:
    """The campaign of this slug, of ours or of the instance at `origin`; raises Closed, NotCollected."""
    if origin is None or origin == vocabulary.host_of(here.urls.base):
        campaign = await campaigns.by_slug(session, slug)
        if campaign is None or campaign.state in ("draft", "deleted"):
            raise NotCollected(slug)
        _expect_open(campaign)
        return await _ours(session, here, campaign, await partners.found(session, here, campaign))
    theirs = await foreign.by_address(session, slug, origin)
    coalition = await coalitions.of_foreign(session, theirs.id) if theirs else None
    if theirs is None or coalition is None:
        raise NotCollected(slug)
    _expect_open(theirs)
    return await _theirs(session, here, theirs, coalition)


async def of_coalitions(
    session: AsyncSession, here: Here, coalition_ids: Collection[int], *, closed_too: bool = False
) -> dict[int, Place]:
    """Those of these coalitions, by row key, whose campaign takes signatures here, or did."""
    found = {}
    for coalition_id in coalition_ids:
        coalition = await coalitions.by_id(session, coalition_id)
        if coalition is None:
            continue
        try:
            ours = await coalitions.ours(session, coalition)
            theirs = await coalitions.theirs(session, coalition)
            if not closed_too:
                _expect_open(ours[0] if ours else theirs)
            if ours is not None:
                found[coalition_id] = await _ours(session, here, ours[0], coalition)
            elif theirs is not None:
                found[coalition_id] = await _theirs(session, here, theirs, coalition)
        except (Closed, NotCollected):
            continue
    return found


async def is_open(session: AsyncSession, urls: Urls, coalition_id: int) -> bool:
    """Whether the campaign of this coalition, another's, takes signatures here."""
    coalition = await coalitions.by_id(session, coalition_id)
    theirs = await coalitions.theirs(session, coalition) if coalition else None
    if coalition is None or theirs is None or theirs.state != "published":
        return False
    _, actor = await local_actors.organisation(session)
    return await _is_member(session, coalition, urls.actor(actor.name, actor.kind))


async def _is_member(session: AsyncSession, coalition: Coalition, own_uri: str) -> bool:
    member = await members.of(session, coalition.id, own_uri)
    return member is not None and member.state == "accepted" and coalition.sketch_key_sealed is not None


def _expect_open(campaign: Campaign | ForeignCampaign | None) -> None:
    if campaign is not None and campaign.state != "published":
        raise Closed(campaign.slug)


async def _ours(session: AsyncSession, here: Here, campaign: Campaign, coalition: Coalition) -> Place:
    organisation, actor = await local_actors.organisation(session)
    texts = await campaigns.texts(session, campaign.id)
    return Place(
        coalition_id=coalition.id,
        key=here.seal.open(coalition.sketch_key_sealed or b""),
        page=here.urls.note(campaign.slug),
        language=campaign.language,
        titles={language: text.title for language, text in texts.items()},
        organisations={OWN: _named(here, organisation, actor)},
        kind=campaign.kind,
        campaign_id=campaign.id,
        answers=options.in_languages(texts, campaign.language) if campaign.kind == "consultation" else {},
    )


async def _theirs(
    session: AsyncSession, here: Here, campaign: ForeignCampaign, coalition: Coalition
) -> Place:
    organisation, actor = await local_actors.organisation(session)
    own = _named(here, organisation, actor)
    if coalition.sketch_key_sealed is None or not await _is_member(session, coalition, own[0]):
        raise NotCollected(campaign.slug)
    texts = await foreign.texts(session, campaign.id)
    return Place(
        coalition_id=coalition.id,
        key=here.seal.open(coalition.sketch_key_sealed),
        page=here.urls.hosted(campaign.slug, campaign.origin),
        language=campaign.language,
        titles={language: text.title for language, text in texts.items()},
        organisations={OWN: own, ORIGIN: (campaign.organisation_uri, campaign.organisation_name)},
        kind=campaign.kind,
    )


def _named(here: Here, organisation: Organisation, actor: LocalActor) -> tuple[str, str]:
    return here.urls.actor(actor.name, actor.kind), organisation.name
