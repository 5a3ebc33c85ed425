"""What each page shows: plain values that templates read, equal exactly when the page would look the same."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from markupsafe import Markup
from msgspec import Struct, field

from fedicause.signing.asks import Ask
from fedicause.web.special import Letter, Special, Voice
from fedicause.web.standings import Standing

KINDS = ("petition", "open-letter", "message", "pledge", "consultation")
NOTHING = Special()


class Site(Struct, frozen=True):
    """The organisation, and the server that it runs. `summary` is text, `website` an http(s) address."""

    name: str
    handle: str
    host: str
    url: str
    language: str
    summary: str
    website: str | None


class Picture(Struct, frozen=True):
    """`width` and `height` are pixels; `drawn` when we drew it because the campaign has none."""

    url: str
    alt: str
    width: int
    height: int
    drawn: bool


class Words(Struct, frozen=True):
    """A text in one language. `html` was sanitised; `excerpt` is its beginning as plain text."""

    language: str
    title: str
    html: Markup
    excerpt: str


class Progress(Struct, frozen=True):
    """Where a campaign stands. `next` is the next step, None for a closed one.

    Of another's campaign `subscriptions` are unknown, and all of it (`is_known`) before we were told.
    """

    total: int
    endorsements: int
    signatures: int
    shares: int
    subscriptions: int | None
    goal: int | None
    next: int | None = None
    is_known: bool = True

    @property
    def percent(self) -> int:
        """Of the goal, 0 to 100; rounded down, as 99.9 % is no goal reached."""
        return _percent(self.total, self.goal)

    @property
    def reached(self) -> bool:
        return self.goal is not None and self.total >= self.goal

    @property
    def target(self) -> int | None:
        """Where the bar ends: at the next step, or at the goal once that is reached or time is up."""
        return self.goal if self.reached else self.next or self.goal

    @property
    def percent_of_target(self) -> int:
        return _percent(self.total, self.target)

    @property
    def sort(self) -> str:
        """What the total is made of."""
        if not self.signatures:
            return "endorsements"
        return "both" if self.endorsements else "signatures"


def _percent(total: int, of: int | None) -> int:
    return min(100, 100 * total // of) if of else 0


class Runner(Struct, frozen=True):
    """The organisation whose campaign it is. `url` is its page at its origin, `host` that server."""

    name: str
    host: str
    url: str


class Card(Struct, frozen=True):
    """A campaign as a listing shows it. `topic_path` and `path` are paths on this server.

    `key` is its name here: the slug, with `@` and the origin for another's. `partners` are counted with it.
    """

    key: str
    path: str
    runner: Runner
    is_ours: bool
    partners: int
    kind: str
    topic: str
    topic_path: str
    language: str
    texts: Mapping[str, Words]
    picture: Picture
    progress: Progress
    closed: bool
    days_left: int | None
    """Whole days until the end, 0 on the last one; None when it is open-ended or closed."""
    won: bool = False

    def words(self, wanted: Iterable[str]) -> Words:
        """The text in the first of these languages that there is, else in the campaign's own."""
        for language in wanted:
            if language in self.texts:
                return self.texts[language]
        # What another server says of its language may be wrong.
        return self.texts.get(self.language) or next(iter(self.texts.values()))


class Topic(Struct, frozen=True):
    """A topic with its first campaigns; `number` counts all of them."""

    name: str
    path: str
    number: int
    cards: Sequence[Card]


class Directory(Struct, frozen=True):
    """The front page. `organisations` are those with campaigns on it; `is_mixed` when one is another's."""

    site: Site
    topics: Sequence[Topic]
    campaigns: int
    support: Progress
    organisations: int
    is_mixed: bool
    languages: frozenset[str]


class TopicPage(Struct, frozen=True):
    """All campaigns of one topic, beside the names of the others."""

    site: Site
    topic: Topic
    others: Sequence[Topic]
    is_mixed: bool
    languages: frozenset[str]


class News(Struct, frozen=True):
    """An update of a campaign."""

    number: int
    path: str
    words: Words
    published_at: datetime


class SignForm(Struct, frozen=True):
    """The form that people sign with. `organisations` may ask to write to them: which one, and its name.

    `asks` is what is asked for besides name, mail and country, `privacy` a text about what becomes of it.
    `takes_organisations`: one may sign for an organisation. `choices` are answers or roles in the campaign's
    language; of answers, `is_one_choice`, one is a must. `letters` to decision-makers, by language.
    """

    organisations: Sequence[tuple[str, str]]
    asks: Sequence[Ask]
    privacy: str
    takes_organisations: bool = False
    choices: Sequence[str] = ()
    is_one_choice: bool = False
    letters: Mapping[str, Letter] = field(default_factory=dict)


class CampaignPage(Struct, frozen=True):
    """The page of a campaign. `address` is the call's, `handle` its actor's.

    `collects_here`: it is ours, or our organisation is one of its partners. `form`: None where none can sign.
    """

    site: Site
    card: Card
    standing: Standing
    collects_here: bool
    form: SignForm | None
    address: str
    handle: str
    published_at: datetime
    edited_at: datetime | None
    ends_at: datetime | None
    closed_at: datetime | None
    news: Sequence[News]
    voices: Sequence[Voice]
    languages: frozenset[str]
    outcome: str = ""
    """What was achieved, for one that is won: text."""
    special: Special = NOTHING


class UpdatePage(Struct, frozen=True):
    """One update, beside the campaign that it is about."""

    site: Site
    card: Card
    news: News
    newer: News | None
    older: News | None
    address: str
    languages: frozenset[str]


class About(Struct, frozen=True):
    """Who runs this server, and how it counts."""

    site: Site
    languages: frozenset[str]


class Attempt(Struct, frozen=True):
    """What somebody wrote into the handle form, and why it leads nowhere; `problem` is a key of `endorse`."""

    handle: str
    problem: str


class Signing(Struct, frozen=True):
    """What somebody wrote into the form to sign with, by field, and what is wrong with it.

    `problems` are keys of `parts/sign`; `fault` is what is wrong with the whole: `slow` for too often.
    """

    values: Mapping[str, str]
    problems: Mapping[str, str]
    ticked: frozenset[str]
    via: str
    fault: str = ""
