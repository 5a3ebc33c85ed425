"""Who signed, as far as each of them wants to be seen."""

import json
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.seal import Seal
from storage import signatories
from storage.pages import Asked, Page
from storage.signatories import Shown

COSIGNERS: Final = 500
"""How many organisations a page lists."""
_INITIALS: Final = 4


class Reason(Struct, frozen=True):
    """Why somebody signed; `name` is empty for who shows nothing of it."""

    id: int
    name: str
    text: str
    language: str
    signed_at: datetime


async def names(session: AsyncSession, seal: Seal, coalition_id: int, asked: Asked, limit: int) -> Page[str]:
    """A page of names or initials, the newest first."""
    found = await signatories.named(session, coalition_id, asked, limit)
    return Page(
        [visible(details(seal, each.details_sealed), each.shown) for each in found.items],
        found.older,
        found.newer,
    )


async def reasons(session: AsyncSession, seal: Seal, coalition_id: int, limit: int) -> list[Reason]:
    """Why people signed, where a moderator allowed it to be shown."""
    return [
        Reason(
            each.signature_id,
            visible(details(seal, each.details_sealed), each.shown),
            seal.open(each.reason_sealed).decode(),
            each.language,
            each.signed_at,
        )
        for each in await signatories.reasons(session, coalition_id, limit)
    ]


async def organisations(
    session: AsyncSession, seal: Seal, coalition_id: int, limit: int = COSIGNERS
) -> list[tuple[Shown, str]]:
    """The organisations that sign, each with the role of who signed for it; empty where nobody shall know."""
    found = await signatories.cosigners(session, coalition_id, limit)
    return [(each, role(seal, each)) for each in found]


def role(seal: Seal, cosigner: Shown) -> str:
    return seal.open(cosigner.role_sealed).decode() if cosigner.role_sealed else ""


def details(seal: Seal, sealed: bytes) -> Mapping[str, Any]:
    """What somebody wrote into the form."""
    found: dict[str, Any] = json.loads(seal.open(sealed))
    return found


def visible(written: Mapping[str, Any], shown: str) -> str:
    """The name as its owner lets it be seen."""
    if shown == "name":
        return str(written["name"])
    return initials(str(written["name"])) if shown == "initials" else ""


def initials(name: str) -> str:
    """Bob Miller is B. M., Jean-Luc is J.-L."""
    parts = ["-".join(_firsts(word.split("-"))) for word in name.split()]
    return " ".join(list(filter(None, parts))[:_INITIALS])


def _firsts(parts: Iterable[str]) -> list[str]:
    found = []
    for part in parts:
        begin = next((number for number, each in enumerate(part) if each.isalpha()), None)
        if begin is None:
            continue
        end = begin + 1
        while end < len(part) and unicodedata.combining(part[end]):
            end += 1
        found.append(part[begin:end].upper() + ".")
    return found
