"""What a long list in the administration is told: which page, and which of its rows were ticked."""

import re
from typing import Final

from aiohttp import web

from fedicause.web import gather
from fedicause.web.admin import frame
from storage.pages import Asked

MOST: Final = 500
"""Rows at once: more than any page shows."""
_KEY: Final = re.compile(r"[0-9]{1,18}")


def asked(request: web.Request) -> Asked:
    """The page; raises gather.Missing for what is none."""
    before, after = (_key(request.query.get(name, "")) for name in ("before", "after"))
    return Asked(before, after)


def keys(request: web.Request) -> list[int]:
    """The row keys of the form: `only` one, by the button beside it, or the ticked ones (`id`)."""
    only = frame.text(request, "only", 20)
    given = [only] if only else words(request, "id")
    return [key for each in given if (key := _key(each)) is not None]


def words(request: web.Request, name: str, most: int = 300) -> list[str]:
    """All values of a field, as text."""
    values = request[frame.FORM].getall(name, [])
    return [
        value.replace("\x00", "").encode(errors="replace").decode().strip()[:most]
        for value in values[:MOST]
        if isinstance(value, str)
    ]


def about(given: list[int]) -> str:
    """Some row keys, for the audit log."""
    shown = ", ".join(f"#{each}" for each in given[:10])
    return shown if len(given) <= 10 else f"{shown}, … ({len(given)})"


def _key(value: str) -> int | None:
    if not value:
        return None
    if not _KEY.fullmatch(value):
        raise gather.Missing(value)
    return int(value)
