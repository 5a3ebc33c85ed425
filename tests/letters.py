"""The letters that wait to be sent, as whoever gets them will read them."""

import re
from dataclasses import dataclass

from sqlalchemy import select

from fedicause import mail
from fedicause.instance import Instance
from storage.people_models import Letter


@dataclass(frozen=True)
class Read:
    """A letter; `links` are the addresses in its text by what they are for: confirm, decline, me."""

    kind: str
    to: str
    subject: str
    text: str
    html: str
    language: str

    @property
    def links(self) -> dict[str, str]:
        found = re.findall(r"https?://[^/\s]+(/(confirm|decline|me)/[\w-]+\?lang=\w+)", self.text)
        return {what: path for path, what in found}

    def token(self, what: str = "confirm") -> str:
        return self.links[what].split("/")[2].partition("?")[0]


async def waiting(instance: Instance, to: str | None = None) -> list[Read]:
    """Letters in the order in which they were queued; those to one address, or all."""
    async with instance.database.reading() as session:
        rows = list(
            await session.scalars(select(Letter).where(Letter.ended_at.is_(None)).order_by(Letter.id))
        )
    read = []
    for row in rows:
        draft = mail.unsealed(instance.seal, row.content_sealed)
        said = draft.composed
        read.append(Read(row.kind, draft.to, said.subject, said.text, said.html, said.language))
    return [each for each in read if to in (None, each.to)]
