"""The words of pages and letters in each language, and how each writes numbers, dates and names."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

import babel
from babel.dates import format_date, format_time, format_timedelta
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from babel.support import Translations

SOURCE: Final = "en"
LOCALES: Final = {
    "en": babel.Locale("en", "GB"),
    "it": babel.Locale("it"),
    "de": babel.Locale("de"),
    "fr": babel.Locale("fr"),
}
NAMES: Final = {"en": "English", "it": "Italiano", "de": "Deutsch", "fr": "Français"}
DOMAIN: Final = "fedicause"
LOCALE: Final = Path(__file__).parent / "web" / "locale"


@cache
def _translations(language: str) -> Translations:
    if language == SOURCE:
        return Translations()
    compiled = BytesIO()
    write_mo(compiled, read(language))
    compiled.seek(0)
    return Translations(compiled, domain=DOMAIN)


def load() -> None:
    """Reads every catalogue now, at start, and not with the first reader."""
    for language in LOCALES:
        _translations(language)


def gettext(language: str, text: str) -> str:
    return _translations(language).ugettext(text) if text else ""


def ngettext(language: str, one: str, many: str, number: int) -> str:
    return _translations(language).ungettext(one, many, number)


def number(language: str, value: int) -> str:
    """12,431 as this language writes it."""
    return format_decimal(value, locale=LOCALES[language])


def percent(language: str, value: float) -> str:
    """62 as `62%` or `62 %`, 2.5 as `2.5%` or `2,5 %`."""
    share = Decimal(str(value)) / 100
    return format_percent(share, locale=LOCALES[language], decimal_quantization=False)


def day(language: str, moment: date | datetime) -> str:
    """The date in words, in UTC."""
    return format_date(moment, format="long", locale=LOCALES[language])


def moment(language: str, at: datetime) -> str:
    """The date and the time of day, in UTC."""
    locale = LOCALES[language]
    at = at.astimezone(UTC)
    return f"{format_date(at, 'medium', locale)}, {format_time(at, 'short', UTC, locale)} UTC"


def seconds(language: str, value: float) -> str:
    """1.43 as `1.4 s` or `1,4 s`."""
    return f"{format_decimal(round(value, 1), locale=LOCALES[language])} s"


def size(language: str, value: int) -> str:
    """So many bytes, in the unit that keeps it short: `340 MB`, `12.4 GB`; of a thousand each."""
    from babel.units import format_unit  # noqa: PLC0415 - for few pages of the staff

    units = ("byte", "kilobyte", "megabyte", "gigabyte", "terabyte")
    power = min((len(str(max(value, 0))) - 1) // 3, len(units) - 1)
    shown = value / 1000**power
    digits = 1 if shown < 100 and power > 1 else 0
    written: str = format_unit(
        round(shown, digits), f"digital-{units[power]}", length="short", locale=LOCALES[language]
    )
    return written


def ago(language: str, age: timedelta) -> str:
    """How long ago that is, in words: `3 hours ago`, `2 days ago`."""
    return format_timedelta(-age, threshold=2.0, add_direction=True, locale=LOCALES[language])


def country(language: str, code: str) -> str:
    """The name of a country by its ISO 3166-1 alpha-2 code; the code where nobody knows it."""
    name: str = LOCALES[language].territories.get(code, code)
    return name


def name_of(language: str, other: str) -> str:
    """The name of another language, in this one; its code where nobody knows it."""
    try:
        return babel.Locale(other).get_display_name(LOCALES[language]) or other
    except babel.UnknownLocaleError:
        return other


def catalogue(language: str, locale: Path = LOCALE) -> Path:
    """Where the words of a language are kept."""
    return locale / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(language: str, locale: Path = LOCALE) -> Catalog:
    """The catalogue of a language; empty where there is none."""
    path = catalogue(language, locale)
    if not path.exists():
        return Catalog(locale=language, project="fedicause")
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)
