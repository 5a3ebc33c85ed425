"""Letters for tests: what each needs to be written, and people to write to."""

import hashlib
from datetime import datetime

from msgspec.structs import replace
from sqlalchemy import select

from fedicause import mail
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.letters import post
from fedicause.settings import Settings
from storage.people_models import Letter, Person

SITE = "https://ours.test"
COMMON: dict[str, object] = {"organisation": "Friends of the Old Forest", "site": SITE}
CAMPAIGN: dict[str, object] = {"title": "Save the old forest", "campaign": f"{SITE}/campaigns/forest"}
_LETTER: dict[str, object] = {"confirm": f"{SITE}/confirm/abc", "decline": f"{SITE}/decline/abc", "days": 14}
_PAGE: dict[str, object] = {"page": f"{SITE}/me/abc", "decline": f"{SITE}/decline/abc"}
LETTERS: dict[str, dict[str, object]] = {
    "confirm": CAMPAIGN | _LETTER,
    "remind": CAMPAIGN | _LETTER,
    "known": CAMPAIGN | _PAGE | {"change": f"{SITE}/confirm/abc"},
    "page": _PAGE | {"hours": 24},
    "update": CAMPAIGN
    | {
        "headline": "The council listens",
        "address": f"{SITE}/campaigns/forest/updates/1",
        "text": "It was *close*.\n\nFrom now on we go further.\n.\nThe end.",
        "html": "<p>It was <em>close</em>.</p>",
        "written_in": "en",
        "unsubscribe": f"{SITE}/unsubscribe/abc",
    },
    "target": CAMPAIGN
    | {
        "headline": "Keep the forest",
        "text": "Dear mayor,\r\n\r\nplease keep it.",
        "sender": "Bob Grün",
        "place": "39042 Brixen",
        "answers": True,
    },
    "digest": CAMPAIGN
    | {
        "headline": "Keep the forest",
        "text": "Dear mayor,\n\nplease keep it.",
        "number": 2,
        "own": [
            {"sender": "Bob", "place": "", "reply_to": "bob@b.example", "subject": "I beg", "text": "you"}
        ],
        "others": [{"sender": "Ann", "place": "39042", "reply_to": None, "subject": None, "text": None}],
    },
    "staff_welcome": {"login": f"{SITE}/admin/login", "role": "campaigner"},
}
LINKS = {
    "confirm": ["/confirm/abc", "/decline/abc"],
    "remind": ["/confirm/abc", "/decline/abc"],
    "known": ["/me/abc", "/confirm/abc", "/decline/abc"],
    "page": ["/me/abc", "/decline/abc"],
    "update": ["/campaigns/forest/updates/1", "/unsubscribe/abc"],
    "target": ["/campaigns/forest"],
    "digest": ["/campaigns/forest"],
    "staff_welcome": ["/admin/login"],
}


def composed(name: str = "confirm", language: str = "en", **values: object) -> mail.Composed:
    given = COMMON | LETTERS[name] | values
    return mail.compose(name, language, **given)


def person(address: str, now: datetime) -> Person:
    return Person(
        blind=hashlib.sha256(address.encode()).digest(),
        address_sealed=b"",
        domain=address.rpartition("@")[2],
        language="en",
        created_at=now,
    )


async def people(instance: Instance, *addresses: str) -> list[int]:
    """Rows of people with these addresses; their ids."""
    async with instance.database.writing() as session:
        rows = [person(address, instance.now()) for address in addresses]
        session.add_all(rows)
        await session.flush()
        return [row.id for row in rows]


async def write(
    instance: Instance,
    *addresses: str,
    kind: str = "confirm",
    ids: list[int] | None = None,
    words: mail.Composed | None = None,
) -> None:
    """Queues the same letter to these addresses."""
    letter = words or composed(kind)
    async with instance.database.writing() as session:
        await mail.queue_many(
            session,
            Here.at(instance),
            [
                mail.Draft(kind, address, letter, person_id=ids[number] if ids else None)
                for number, address in enumerate(addresses)
            ],
        )


async def send(instance: Instance) -> None:
    """Everything that is due."""
    while await post.round(instance) == 0:
        pass


async def letters_of(instance: Instance) -> list[Letter]:
    """The rows of all letters, as they are now."""
    async with instance.database.reading() as session:
        return list(await session.scalars(select(Letter).order_by(Letter.id)))


async def bounced(instance: Instance) -> set[int]:
    """The people whose letters came back."""
    async with instance.database.reading() as session:
        return set(await session.scalars(select(Person.id).where(Person.bounced_at.is_not(None))))


def posting(settings: Settings, url: str, *, rate: int = 100_000) -> Settings:
    """The settings, with a mail server."""
    return replace(settings, smtp=url, mail_rate=rate)
