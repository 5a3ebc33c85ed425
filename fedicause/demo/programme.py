"""The demo's three organisations: what each publishes, whom it follows, and where its people live."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

CAMPAIGNS: Final = Path(__file__).parent / "campaigns"
NEWS: Final = CAMPAIGNS / "news"
_PLAY: Final = "This is a demonstration: the causes are real, the people who support them are not."
_NOT_THEIRS: Final = f"{_PLAY} Nor did the organisation of this name write any of it."


class Role(Struct, frozen=True):
    """One organisation. `follows` are handles.

    `programme` is what it publishes, the last first on its page, and how many of all people each moves, 0 to
    1. `keen`: how many times as many as elsewhere sign with it in these countries.
    """

    name: str
    handle: str
    summary: str
    programme: Mapping[str, float]
    keen: Mapping[str, float]
    follows: tuple[str, ...] = ()


ORGANISATIONS: Final = (
    Role(
        name="Open Square",
        handle="square",
        summary="We collect the calls of digital rights organisations in one place, so that whoever cares "
        f"for one finds the others. {_PLAY}",
        programme={
            "drop-proctorio": 0.42,
            "university-apps": 0.4,
            "ring-doorbells": 0.46,
            "amazon-police": 0.64,
            "save-security": 0.78,
            "magic-kingdom": 0.5,
            "ban-the-scan": 0.72,
            "reclaim-your-face": 0.93,
        },
        keen={"IT": 3, "ES": 2, "SI": 10, "MT": 20, "FR": 0.5, "PL": 0.4},
        follows=("liberties",),
    ),
    Role(
        name="Liberties",
        handle="liberties",
        summary=f"We watch over civil liberties in the European Union, country by country. {_NOT_THEIRS}",
        programme={"bogus-lawsuits": 0.5},
        keen={"DE": 2, "HU": 2.5, "EE": 9, "LT": 3, "CY": 12, "ES": 0.5, "FI": 0.5},
    ),
    Role(
        name="Access Now",
        handle="access",
        summary=f"We write to governments and companies about encryption and identity. {_NOT_THEIRS}",
        programme={"whyid": 0.62, "no-backdoors": 0.55},
        keen={"BE": 3, "LU": 22, "IE": 3, "PT": 2, "SE": 2, "RO": 0.4, "BG": 0.3},
        follows=("square",),
    ),
)
SHARED: Final = "reclaim-your-face"
"""The campaign of the first organisation that the others join."""


def organiser(slug: str) -> int:
    """Whose campaign it is: the place among the organisations."""
    return next(place for place, role in enumerate(ORGANISATIONS) if slug in role.programme)
