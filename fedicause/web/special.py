"""What a page shows of what is special about a kind of campaign: plain values, as `views`."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from markupsafe import Markup
from msgspec import Struct


class Voice(Struct, frozen=True):
    """A testimony that a moderator allowed: `handle` has a punycode host, `url` leads to the original.

    A signer's reason has neither; its `name` is empty where the signer shows nothing of it.
    """

    name: str
    handle: str
    url: str
    html: Markup
    published_at: datetime


class Cosigner(Struct, frozen=True):
    """An organisation that signs. `proof` as Cosigner.proof, `logo` a path, empty for none."""

    name: str
    website: str
    role: str
    proof: str
    logo: str
    logo_width: int | None
    logo_height: int | None


class Result(Struct, frozen=True):
    """An answer or a role in one language, how many chose it, and of all in percent; a bar of 1000."""

    words: str
    number: int
    share: int
    length: int


class Answers(Struct, frozen=True):
    """What can be ticked, by language, and how many did; `own` is the campaign's language."""

    labels: Mapping[str, Sequence[str]]
    own: str
    numbers: Sequence[int]

    @property
    def total(self) -> int:
        return sum(self.numbers)

    def words(self, language: str) -> Sequence[str]:
        """The labels in this language, or else in the campaign's own."""
        return self.labels.get(language) or self.labels.get(self.own, ())

    def results(self, language: str) -> list[Result]:
        most, total = max(self.numbers, default=0) or 1, self.total or 1
        return [
            Result(words, number, (200 * number + total) // (2 * total), 1000 * number // most)
            for words, number in zip(self.words(language), self.numbers, strict=True)
        ]


class Letter(Struct, frozen=True):
    """What is written to decision-makers, unless the signer changes it."""

    subject: str
    text: str


class Recipient(Struct, frozen=True):
    """A decision-maker to whom letters go; `country` and `postcodes` as Target's."""

    name: str
    office: str
    area: str
    country: str
    postcodes: str


class Recipients(Struct, frozen=True):
    """All of them: how many, the first ones, and whether a postal code is needed to find who is meant."""

    number: int
    first: Sequence[Recipient]
    by_postcode: bool


class Reply(Struct, frozen=True):
    """A voice in a debate, with what was answered to it, the oldest first."""

    voice: Voice
    answers: Sequence["Reply"]


class Special(Struct, frozen=True):
    """All of it, empty where a campaign has none.

    `names` are the newest of those who show theirs, `has_more` when there are others; `threads` is the
    debate, the newest first.
    """

    organisations: Sequence[Cosigner] = ()
    names: Sequence[str] = ()
    has_more: bool = False
    answers: Answers | None = None
    threads: Sequence[Reply] = ()
    has_more_threads: bool = False
    recipients: Recipients | None = None
