"""The answers of a consultation and the roles of a pledge: what can be ticked, and how many did."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from storage import options
from storage.coalition_models import Coalition
from storage.models import CampaignText

MOST: Final = 20
LENGTH: Final = 120
COUNTED_AT_ONCE: Final = 5_000
"""Signatures up to which whoever looks counts; above it somebody counts for all, now and then."""


def read(text: str | None) -> tuple[str, ...]:
    """What Campaign.roles or CampaignText.options says."""
    return tuple(json.loads(text)) if text else ()


def written(words: Sequence[str]) -> str | None:
    """The same for the database."""
    return json.dumps(list(words), ensure_ascii=False) if words else None


def in_languages(texts: Mapping[str, CampaignText], own: str) -> dict[str, tuple[str, ...]]:
    """The answers by language; a translation that has another number of them is none."""
    found = {language: read(text.options) for language, text in texts.items()}
    number = len(found.get(own, ()))
    return {language: words for language, words in found.items() if words and len(words) == number}


async def numbers(session: AsyncSession, coalition: Coalition | None, number: int) -> tuple[int, ...]:
    """How many confirmed signatures ticked each of so many."""
    if coalition is None:
        return (0,) * number
    found = None
    if coalition.signatures > COUNTED_AT_ONCE:
        found = await options.ballot(session, coalition.id)
    if found is None:
        found = await options.counted(session, coalition.id)
    return tuple(sum(count for bits, count in found.items() if bits >> each & 1) for each in range(number))


def first(bits: int) -> int | None:
    """The number, from 0, of the only or first one that is ticked."""
    return (bits & -bits).bit_length() - 1 if bits else None
