"""To whom a campaign's letters go: read from a table, found by country and postal code."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import fields, mail, publish
from fedicause.fields import Unusable
from storage import targets
from storage.kinds_models import Target

COLUMNS: Final = ("name", "office", "area", "country", "postcodes", "mail", "language")
NEEDED: Final = ("name", "mail")
MOST: Final = 5_000
WRITTEN_TO: Final = 10
"""How many of them one person writes to."""
LONGEST: Final = 200
POSTCODES: Final = 2_000
_BETWEEN: Final = re.compile(r"[\s,;|/]+")
_NOT_CODE: Final = re.compile(r"[^0-9A-Z]")


async def bring(session: AsyncSession, slug: str, rows: Sequence[Mapping[str, str]], *, replace: bool) -> int:
    """Adds these targets to a campaign, or takes them in the place of those that there are.

    Returns how many there are now; raises publish.Impossible, Unusable.
    """
    campaign = await publish.find(session, slug, lock=True)
    if campaign.kind != "message":
        raise publish.Impossible(f"`{campaign.slug}` is no message: it has nobody to write to")
    there = await targets.every(session, campaign.id)
    if replace:
        kept = await _replaced(session, campaign.id, there, rows)
        rows = [row for row in rows if _key(row) not in kept]
        there = [each for each in there if (each.name, each.mail) in kept]
    known = {(each.name, each.mail) for each in there}
    new = [row for row in rows if _key(row) not in known]
    if len(there) + len(new) > MOST:
        raise Unusable(f"there would be {len(there) + len(new):,} of them; at most {MOST:,} fit")
    await targets.add(session, campaign.id, [dict(row) for row in new])
    return len(there) + len(new)


async def _replaced(
    session: AsyncSession, campaign_id: int, there: Sequence[Target], rows: Sequence[Mapping[str, str]]
) -> set[tuple[str, str]]:
    """Removes those that are in the new table no more, and changes those that are."""
    new = {_key(row): row for row in rows}
    gone = [each.id for each in there if (each.name, each.mail) not in new]
    await targets.remove(session, campaign_id, gone)
    for each in there:
        for column, value in new.get((each.name, each.mail), {}).items():
            setattr(each, column, value)
    await session.flush()
    return {(each.name, each.mail) for each in there if each.id not in set(gone)}


def _key(row: Mapping[str, str]) -> tuple[str, str]:
    return row["name"], row["mail"]


def read(source: str) -> list[dict[str, str]]:
    """The targets in a CSV file with a line of headings: COLUMNS in any order; raises Unusable."""
    first = source.lstrip("\ufeff").partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    lines = csv.reader(io.StringIO(source.lstrip("\ufeff"), newline=""), delimiter=delimiter, strict=True)
    try:
        headings = [each.strip().lower() for each in next(lines, [])]
        missing = [column for column in NEEDED if column not in headings]
        if missing:
            raise Unusable(f"line 1: the column `{missing[0]}` is missing; there are {', '.join(COLUMNS)}")
        unknown = [each for each in headings if each not in COLUMNS]
        if unknown or len(set(headings)) < len(headings):
            what = unknown[0][:40] if unknown else "twice the same"
            raise Unusable(f"line 1: unknown column `{what}`; there are {', '.join(COLUMNS)}")
        found = [_row(headings, values, lines.line_num) for values in lines if any(map(str.strip, values))]
    except csv.Error as error:
        raise Unusable(f"line {lines.line_num}: {error}") from error
    if not found:
        raise Unusable("there is nobody in it")
    if len(found) > MOST:
        raise Unusable(f"{len(found):,} lines; at most {MOST:,} fit")
    return list({_key(row): row for row in found}.values())


def _row(headings: Sequence[str], values: Sequence[str], line: int) -> dict[str, str]:
    if len(values) > len(headings):
        raise Unusable(f"line {line}: more values than columns")
    try:
        return checked(dict(zip(headings, values, strict=False)))
    except Unusable as error:
        raise Unusable(f"line {line}: {error}") from error


def checked(given: Mapping[str, str]) -> dict[str, str]:
    """A target as it is kept; raises Unusable, which names the column."""
    found = {column: " ".join(given.get(column, "").split()) for column in COLUMNS}
    for column in COLUMNS:
        most = POSTCODES if column == "postcodes" else LONGEST
        try:
            fields.line_of(found[column], most)
            if column in NEEDED and not found[column]:
                raise Unusable("is missing")
            if column == "country" and found[column]:
                found[column] = fields.country(found[column].upper())
            if column == "language" and found[column]:
                found[column] = fields.language(found[column])
        except Unusable as error:
            raise Unusable(f"`{column}` {error}") from error
    try:
        found["mail"] = mail.address(found["mail"])
    except mail.NoAddress as error:
        raise Unusable("`mail` is no mail address") from error
    found["postcodes"] = " ".join(part for part in _BETWEEN.split(found["postcodes"]) if part)
    return found


class Somebody(Protocol):
    """What tells for whom somebody decides."""

    @property
    def country(self) -> str: ...

    @property
    def postcodes(self) -> str: ...


S = TypeVar("S", bound=Somebody)


def responsible(given: Iterable[S], country: str, postcode: str) -> list[S]:
    """Those to whom somebody there writes: of their postal code first, then those for everybody there."""
    code = plain(postcode)
    nearby, general = [], []
    for each in given:
        if each.country not in {"", country}:
            continue
        if not each.postcodes:
            general.append(each)
        elif code and covers(each.postcodes, code):
            nearby.append(each)
    return [*nearby, *general][:WRITTEN_TO]


def plain(postcode: str) -> str:
    """A postal code as codes are compared: SW1A 1AA is SW1A1AA."""
    return _NOT_CODE.sub("", postcode.upper())


def covers(postcodes: str, code: str) -> bool:
    """Whether a code is among these, written like `10 11 20095-20099`: beginnings, and ranges of such."""
    for part in postcodes.split():
        first, dash, last = (plain(each) for each in part.partition("-"))
        if "-" in part and len(first) == len(last):
            if first <= code[: len(first)] <= last and len(code) >= len(first):
                return True
        elif code.startswith(first + last) and (first or dash):
            return True
    return False
