"""What is held about somebody: as they see it on their own page, and all of it for them to take along."""

import contextlib
import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import vocabulary
from fedicause.here import Here
from fedicause.seal import Seal, WrongSecret
from fedicause.signing import options
from storage import campaigns, coalitions, foreign, local_actors, traces
from storage.doors import Signed

_SEALED = "_sealed"


class Organisation(Struct, frozen=True):
    """One that may write to somebody, or may not; `since` when, None for what was never said."""

    uri: str
    name: str
    may_write: bool
    since: datetime | None


class Campaign(Struct, frozen=True):
    """What somebody signed. `page` is its page here; there are no `titles` once it was deleted.

    `organisations` may ask to write: names by URI. `choices` are the answers or roles, by language.
    """

    page: str
    kind: str
    language: str
    titles: Mapping[str, str]
    organisations: Mapping[str, str]
    choices: Mapping[str, Sequence[str]]

    def title(self, language: str) -> str:
        """In this language, or else in the campaign's own; empty once it was deleted."""
        return self.titles.get(self.written_in(language), "")

    def written_in(self, language: str) -> str:
        """The language of that title."""
        known = (each for each in (language, self.language, *self.titles) if each in self.titles)
        return next(known, self.language)


class Entry(Struct, frozen=True):
    """A signature as its owner sees it; `more` is what the campaign asked for besides.

    `ticked` are the bits of the answer or the roles that were chosen.
    """

    id: int
    campaign: Campaign
    state: str
    country: str
    asked_at: datetime
    confirmed_at: datetime | None
    withdrawn_at: datetime | None
    name: str
    more: Mapping[str, str]
    shown: str
    reason: str
    reason_state: str
    ticked: int
    organisations: Sequence[Organisation]

    def chosen(self, language: str) -> list[str]:
        """The answer, or the roles, in this language or else in the campaign's own."""
        choices = self.campaign.choices
        labels = choices.get(language) or choices.get(self.campaign.language, ())
        return [label for number, label in enumerate(labels) if self.ticked >> number & 1]

    @property
    def can_change(self) -> bool:
        """Whether it counts, or may yet."""
        return self.state in {"pending", "confirmed"}

    @property
    def has_receipt(self) -> bool:
        return self.state in {"confirmed", "withdrawn"}


async def campaign(session: AsyncSession, here: Here, coalition_id: int) -> Campaign:
    """The campaign of a coalition, as it is called and found here, whatever has become of it."""
    coalition = await coalitions.by_id(session, coalition_id)
    if coalition is None:
        raise LookupError(f"there is no coalition {coalition_id}")
    organisation, actor = await local_actors.organisation(session)
    writers = {here.urls.actor(actor.name, actor.kind): organisation.name}
    theirs = await coalitions.theirs(session, coalition)
    if theirs is not None:
        read = await foreign.texts(session, theirs.id)
        writers[theirs.organisation_uri] = theirs.organisation_name
        titles = {language: text.title for language, text in read.items()}
        page = here.urls.hosted(theirs.slug, theirs.origin)
        return Campaign(page, theirs.kind, theirs.language, titles, writers, {})
    ours = await coalitions.ours(session, coalition)
    if ours is None:
        raise LookupError(f"the coalition {coalition_id} has no campaign")
    found = ours[0]
    texts = await campaigns.texts(session, found.id)
    titles = {language: text.title for language, text in texts.items()}
    choices: Mapping[str, Sequence[str]] = {}
    if found.kind == "consultation":
        choices = options.in_languages(texts, found.language)
    elif found.kind == "pledge":
        choices = {found.language: options.read(found.roles)}
    return Campaign(here.urls.note(found.slug), found.kind, found.language, titles, writers, choices)


async def entry(session: AsyncSession, here: Here, signed: Signed) -> Entry:
    """A signature with everything that was written for it."""
    signature, pledge = signed.signature, signed.pledge
    about = await campaign(session, here, signature.coalition_id)
    details = json.loads(here.seal.open(pledge.details_sealed))
    return Entry(
        id=signature.id,
        campaign=about,
        state=signature.state,
        country=signature.country,
        asked_at=signature.asked_at,
        confirmed_at=signature.confirmed_at,
        withdrawn_at=signature.withdrawn_at,
        name=details["name"],
        more={field: value for field, value in details.items() if field != "name" and isinstance(value, str)},
        shown=pledge.shown,
        reason=reason(here, signed),
        reason_state=pledge.reason_state,
        ticked=signature.ticked,
        organisations=_organisations(about, signed),
    )


def reason(here: Here, signed: Signed) -> str:
    """Why somebody signed, in their words; empty where they said nothing."""
    sealed = signed.pledge.reason_sealed
    return here.seal.open(sealed).decode() if sealed else ""


def writers(about: Campaign, signed: Signed) -> dict[str, str]:
    """Whom somebody may allow to write: names by URI, of those too that were allowed once."""
    return {
        **{each.organisation_uri: each.organisation_name for each in signed.consents},
        **about.organisations,
    }


async def export(session: AsyncSession, here: Here, person_id: int) -> dict[str, Any]:
    """Everything held about somebody, by table and column, opened where it is sealed: found by the schema.

    What can't be read as text is in hexadecimal digits; these are keyed hashes, and the hashes of links.
    """
    organisation, actor = await local_actors.organisation(session)
    rows = await traces.of(session, person_id)
    coalition_ids = sorted({row["coalition_id"] for row in rows.get("signatures", ())})
    signed = {each: await campaign(session, here, each) for each in coalition_ids}
    return {
        "organisation": {"name": organisation.name, "uri": here.urls.actor(actor.name, actor.kind)},
        "exported": vocabulary.timestamp(here.now),
        "campaigns": [
            {"coalition_id": coalition_id, "page": about.page, "titles": dict(about.titles)}
            for coalition_id, about in signed.items()
        ],
        "tables": {
            table: [
                {name.removesuffix(_SEALED): _readable(here.seal, name, value) for name, value in row.items()}
                for row in found
            ]
            for table, found in rows.items()
        },
    }


def _organisations(about: Campaign, signed: Signed) -> list[Organisation]:
    known = {each.organisation_uri: each for each in signed.consents}
    listed = []
    for uri, name in writers(about, signed).items():
        row = known.get(uri)
        may_write = row is not None and row.withdrawn_at is None
        since = None if row is None else row.withdrawn_at or row.given_at
        listed.append(Organisation(uri, name, may_write, since))
    return listed


def _readable(seal: Seal, column: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, bytes):
        return value
    if not column.endswith(_SEALED):
        return value.hex()
    if not value:
        # What was sealed here is forgotten.
        return None
    try:
        opened = seal.open(value)
    except WrongSecret:
        return None
    return _parsed(opened)


def _parsed(opened: bytes) -> Any:
    """What was sealed: JSON, JSON that was packed, or text."""
    with contextlib.suppress(zlib.error):
        opened = zlib.decompress(opened)
    try:
        found = json.loads(opened)
    except ValueError:
        return opened.decode(errors="replace")
    # Somebody's words may look like a number.
    return found if isinstance(found, dict | list) else opened.decode(errors="replace")
