"""The typeface of what is printed, Literata in two weights, and which letters it has: those of Europe."""

from functools import cache
from pathlib import Path
from typing import Final

_FONTS: Final = Path(__file__).parent / "web" / "static" / "fonts"
REGULAR, BOLD = _FONTS / "literata-print-400.woff", _FONTS / "literata-print-700.woff"
MISSING: Final = "·"


def printable(text: str) -> str:
    """The text, with MISSING for every letter that can't be printed."""
    known = _letters()
    # Spaces of all widths, as languages write them into numbers, become the plain one.
    return "".join(" " if each.isspace() else each if ord(each) in known else MISSING for each in text)


@cache
def _letters() -> frozenset[int]:
    """What both weights have."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]  # noqa: PLC0415 - seldom needed

    with TTFont(REGULAR) as regular, TTFont(BOLD) as bold:
        return frozenset(regular.getBestCmap()) & frozenset(bold.getBestCmap())
