"""CSV as spreadsheet programs open it safely: nothing that somebody wrote is taken for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

BOM: Final = "\ufeff"
"""Without it some programs take UTF-8 for something else."""
# The signs by which a formula begins (OWASP), and those that East Asian keyboards write for them.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cell(value: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would reckon with."""
    text = value.replace("\x00", "")
    return f"'{text}" if text.startswith(_FORMULA) else text


def lines(rows: Iterable[Sequence[str | int]]) -> bytes:
    """Rows as RFC 4180 has them, in UTF-8."""
    written = io.StringIO(newline="")
    csv.writer(written).writerows([[cell(str(value)) for value in row] for row in rows])
    return written.getvalue().encode(errors="replace")
