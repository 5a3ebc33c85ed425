"""What a campaign file may say that only some kinds have: answers, roles, a letter and how it is sent."""

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from msgspec import Struct

from fedicause import fields
from fedicause.fields import Unusable
from fedicause.signing import options
from storage.models import Campaign, CampaignText

FIELDS: Final = ("options", "roles", "subject", "letter", "per_hour", "digest")
LISTS: Final = ("options", "roles")
"""Those that may be a list of YAML; they come with an item a line."""
SUBJECT: Final = 150
LETTER: Final = 8_000
ROLE: Final = 40
PER_HOUR: Final = 1_000

Value = TypeVar("Value")


class Checked(Protocol):
    """The value of a field as a check makes it, None where the file has none."""

    def __call__(self, field: str, check: Callable[[str], Value]) -> Value | None: ...


class Particulars(Struct, frozen=True):
    """As read; what the file leaves out is None. `per_hour` letters go to a target, or one digest a day."""

    options: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    subject: str | None = None
    letter: str | None = None
    per_hour: int | None = None
    is_digest: bool | None = None


NONE: Final = Particulars()


def read(checked: Checked) -> Particulars:
    """What a file says; raises Unusable."""
    return Particulars(
        options=checked("options", answers),
        roles=checked("roles", roles),
        subject=checked("subject", lambda value: fields.line_of(value, SUBJECT)),
        letter=checked("letter", letter),
        per_hour=checked("per_hour", per_hour),
        is_digest=checked("digest", fields.yes),
    )


def answers(value: str) -> tuple[str, ...]:
    """The answers of a consultation, a line each; raises Unusable."""
    found = _items(value, options.LENGTH)
    if len(found) < 2:
        raise Unusable("needs two answers at least, as a list")
    return found


def roles(value: str) -> tuple[str, ...]:
    """What volunteers may do, a line each or between commas; raises Unusable."""
    return _items(value if "\n" in value else value.replace(",", "\n"), ROLE)


def letter(value: str) -> str:
    """Plain text in paragraphs; raises Unusable."""
    text = "\n".join(fields.line_of(line.rstrip(), LETTER) for line in value.strip().splitlines())
    if len(text) > LETTER:
        raise Unusable(f"has {len(text):,} characters; at most {LETTER:,} fit")
    return text


def per_hour(value: str) -> int:
    """How many letters an hour go to one target; raises Unusable."""
    found = fields.people(value, least=1)
    if found > PER_HOUR:
        raise Unusable(f"must be at most {PER_HOUR:,}")
    return found


def put(campaign: Campaign, said: Particulars, removed: frozenset[str]) -> None:
    """Into the row of the campaign."""
    if "roles" in removed or said.roles is not None:
        campaign.roles = options.written(said.roles or ())
    if "per_hour" in removed or said.per_hour is not None:
        campaign.per_hour = said.per_hour
    if "digest" in removed or said.is_digest is not None:
        campaign.is_digest = bool(said.is_digest)


def put_words(campaign: Campaign, text: CampaignText, said: Particulars, removed: frozenset[str]) -> None:
    """Into the row of its text in a language; raises Unusable.

    Once people may have answered, an answer can be worded better or added, and none can be taken away.
    """
    if "options" in removed or said.options is not None:
        before, after = len(options.read(text.options)), len(said.options or ())
        if campaign.state != "draft" and text.language == campaign.language and after < before:
            raise Unusable("`options` of a published campaign can't become fewer")
        text.options = options.written(said.options or ())
    if "subject" in removed or said.subject is not None:
        text.subject = said.subject
    if "letter" in removed or said.letter is not None:
        text.letter = said.letter


def _items(value: str, longest: int) -> tuple[str, ...]:
    found = [fields.line_of(" ".join(line.split()), longest) for line in value.splitlines() if line.strip()]
    if len({each.casefold() for each in found}) != len(found):
        raise Unusable("has something twice")
    if len(found) > options.MOST:
        raise Unusable(f"has {len(found)} items; at most {options.MOST} fit")
    return tuple(found)
