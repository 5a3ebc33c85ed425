"""The words of pages and letters in each language, and how each writes numbers, dates and names.

Babel and its data, 5 MB, are loaded by the first words: a server that only talks to other servers needs none.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from babel import Locale
    from babel.messages import Catalog
    from babel.support import NullTranslations

SOURCE: Final = "en"
NAMES: Final = {"en": "English", "it": "Italiano", "de": "Deutsch", "fr": "Français"}
LANGUAGES: Final = tuple(NAMES)
DOMAIN: Final = "fedicause"
LOCALE: Final = Path(__file__).parent / "web" / "locale"


@cache
def locale(language: str) -> "Locale":
    """How a language of ours writes."""
    from babel import Locale  # noqa: PLC0415 - see above

    return Locale("en", "GB") if language == "en" else Locale(language)


@cache
def _translations(language: str) -> "NullTranslations":
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - see above
    from babel.support import NullTranslations, Translations  # noqa: PLC0415

    if language == SOURCE:
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, read(language))
    compiled.seek(0)
    return Translations(compiled, domain=DOMAIN)


def load() -> None:
    """Reads every catalogue, and how each language writes; it takes a while, and may be done in a thread."""
    for language in LANGUAGES:
        _translations(language)
        moment(language, datetime(2000, 1, 1, tzinfo=UTC))
        percent(language, 1)


def gettext(language: str, text: str) -> str:
    return _translations(language).ugettext(text) if text else ""


def ngettext(language: str, one: str, many: str, number: int) -> str:
    return _translations(language).ungettext(one, many, number)


def number(language: str, value: int) -> str:
    """12,431 as this language writes it."""
    from babel.numbers import format_decimal  # noqa: PLC0415 - see above

    return format_decimal(value, locale=locale(language))


def percent(language: str, value: float) -> str:
    """62 as `62%` or `62 %`, 2.5 as `2.5%` or `2,5 %`."""
    from babel.numbers import format_percent  # noqa: PLC0415 - see above

    share = Decimal(str(value)) / 100
    return format_percent(share, locale=locale(language), decimal_quantization=False)


def day(language: str, moment: date | datetime) -> str:
    """The date in words, in UTC."""
    from babel.dates import format_date  # noqa: PLC0415 - see above

    return format_date(moment, format="long", locale=locale(language))


def moment(language: str, at: datetime) -> str:
    """The date and the time of day, in UTC."""
    from babel.dates import format_date, format_time  # noqa: PLC0415 - see above

    writes = locale(language)
    at = at.astimezone(UTC)
    return f"{format_date(at, 'medium', writes)}, {format_time(at, 'short', UTC, writes)} UTC"


def seconds(language: str, value: float) -> str:
    """1.43 as `1.4 s` or `1,4 s`."""
    from babel.numbers import format_decimal  # noqa: PLC0415 - see above

    return f"{format_decimal(round(value, 1), locale=locale(language))} s"


def size(language: str, value: int) -> str:
    """So many bytes, in the unit that keeps it short: `340 MB`, `12.4 GB`; of a thousand each."""
    from babel.units import format_unit  # noqa: PLC0415 - for few pages of the staff

    units = ("byte", "kilobyte", "megabyte", "gigabyte", "terabyte")
    power = min((len(str(max(value, 0))) - 1) // 3, len(units) - 1)
    shown = value / 1000**power
    digits = 1 if shown < 100 and power > 1 else 0
    written: str = format_unit(
        round(shown, digits), f"digital-{units[power]}", length="short", locale=locale(language)
    )
    return written


def ago(language: str, age: timedelta) -> str:
    """How long ago that is, in words: `3 hours ago`, `2 days ago`."""
    from babel.dates import format_timedelta  # noqa: PLC0415 - see above

    return format_timedelta(-age, threshold=2.0, add_direction=True, locale=locale(language))


def country(language: str, code: str) -> str:
    """The name of a country by its ISO 3166-1 alpha-2 code; the code where nobody knows it."""
    name: str = locale(language).territories.get(code, code)
    return name


def name_of(language: str, other: str) -> str:
    """The name of another language, in this one; its code where nobody knows it."""
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415 - see above

    try:
        return Locale(other).get_display_name(locale(language)) or other
    except UnknownLocaleError:
        return other


def catalogue(language: str, directory: Path = LOCALE) -> Path:
    """Where the words of a language are kept."""
    return directory / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(language: str, directory: Path = LOCALE) -> "Catalog":
    """The catalogue of a language; empty where there is none."""
    from babel.messages import Catalog  # noqa: PLC0415 - see above
    from babel.messages.pofile import read_po  # noqa: PLC0415

    path = catalogue(language, directory)
    if not path.exists():
        return Catalog(locale=language, project="fedicause")
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)
