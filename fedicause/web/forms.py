"""Reads the form that people sign with: what is well written, and what is wrong with the rest."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from multidict import MultiMapping

from federation import sketches
from federation.vocabulary import Malformed
from fedicause import collecting, mail
from fedicause.acquaint import Given
from fedicause.asks import Ask
from fedicause.web import translations
from fedicause.web.translations import LOCALES

NAME: Final = 100
ADDRESS: Final = 254
REASON: Final = 500
MORE: Final = 120
SHOWN: Final = ("nothing", "initials", "name")
FIELDS: Final = ("name", "mail", "country", "reason", "shown")
_VIA: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
# What CLDR names besides countries: unions, tests, the unknown, and islands that have no code of their own.
_NO_COUNTRY: Final = frozenset(
    ["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"]
)
# A page in this language is most likely read there.
_USUAL: Final = {"de": "DE", "fr": "FR", "it": "IT"}
_SPACES: Final = re.compile(r"\s+")
_BLANK_LINES: Final = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Written:
    """A form as it came. `values` by field, `problems` by field where something is wrong, `ticked`: consents.

    A problem is `missing`, `unreadable` (no such thing can be) or `long`.
    """

    values: Mapping[str, str]
    problems: Mapping[str, str]
    ticked: frozenset[str]
    via: str

    def given(self, language: str, network: bytes | None, *, via: str) -> Given:
        """What to sign with, where there are no problems."""
        more = {field: value for field, value in self.values.items() if field not in FIELDS and value}
        return Given(
            name=self.values["name"],
            address=self.values["mail"],
            country=self.values["country"],
            language=language,
            shown=self.values["shown"],
            reason=self.values["reason"],
            more=more,
            consents=self.ticked,
            network=network,
            via=via or None,
        )


def read(sent: MultiMapping[object], asks: Sequence[Ask]) -> Written:
    """The form of a campaign that asks for this; whatever else is in it is left out."""
    values = {
        "name": _line(sent, "name"),
        "mail": _text(sent, "mail").strip(),
        "country": _text(sent, "country").strip().upper(),
        "reason": _lines(sent, "reason"),
        "shown": _text(sent, "shown"),
        **{ask.field: _line(sent, ask.field) for ask in asks},
    }
    if values["shown"] not in SHOWN:
        values["shown"] = SHOWN[0]
    problems = {
        "name": _too_long(values["name"], NAME) or ("" if _has_letters(values["name"]) else "missing"),
        "mail": _address_problem(values["mail"]),
        "country": "" if is_country(values["country"]) else "missing",
        "reason": _too_long(values["reason"], REASON),
    }
    for ask in asks:
        value = values[ask.field]
        problems[ask.field] = _too_long(value, MORE) or ("missing" if ask.must and not value else "")
    ticked = frozenset(
        which for which in (collecting.OWN, collecting.ORIGIN) if _text(sent, f"consent-{which}") == "yes"
    )
    return Written(
        values,
        {field: problem for field, problem in problems.items() if problem},
        ticked,
        link_token(_text(sent, "via")),
    )


def link_token(text: str) -> str:
    """The token of a share link, empty for what can be none."""
    return text if _VIA.fullmatch(text) else ""


@cache
def countries(language: str) -> list[tuple[str, str]]:
    """Codes and names in this language, in its order."""
    names = [
        (code, translations.country(language, code))
        for code in map(str, LOCALES[language].territories)
        if is_country(code)
    ]
    return sorted(names, key=lambda pair: _plain(pair[1]))


@cache
def is_country(code: str) -> bool:
    """Whether it is a country by ISO 3166-1 (and Kosovo, which has none there)."""
    is_code = _COUNTRY.fullmatch(code) is not None and code not in _NO_COUNTRY
    return is_code and code in LOCALES["en"].territories


def usual_country(language: str, other: str) -> str:
    """Where most readers of pages in this language are, or else in the other; empty where nobody knows."""
    return _USUAL.get(language) or _USUAL.get(other, "")


def _plain(name: str) -> str:
    """Ä and É stand with A and E."""
    bare = unicodedata.normalize("NFKD", name)
    return "".join(each for each in bare if not unicodedata.combining(each)).casefold()


def _text(sent: MultiMapping[object], field: str) -> str:
    value = sent.get(field, "")
    # What can't be encoded can't be stored, and PostgreSQL takes no NUL.
    return value.encode(errors="ignore").decode().replace("\0", "") if isinstance(value, str) else ""


def _line(sent: MultiMapping[object], field: str) -> str:
    text = unicodedata.normalize("NFC", _text(sent, field))
    return _SPACES.sub(" ", "".join(each for each in text if _is_written(each) or each.isspace())).strip()


def _lines(sent: MultiMapping[object], field: str) -> str:
    text = unicodedata.normalize("NFC", _text(sent, field).replace("\r\n", "\n"))
    kept = "".join(each for each in text if each == "\n" or _is_written(each))
    return _BLANK_LINES.sub("\n\n", kept).strip()


def _is_written(character: str) -> bool:
    """Not a control, nor a mark that turns the direction of what follows."""
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or character in {
        "\u200c",
        "\u200d",
    }


def _has_letters(name: str) -> bool:
    return any(each.isalpha() for each in name)


def _too_long(value: str, most: int) -> str:
    return "long" if len(value) > most else ""


def _address_problem(address: str) -> str:
    if not address:
        return "missing"
    if len(address) > ADDRESS:
        return "long"
    try:
        sketches.canonical(address)
        mail.address(address)
    except (Malformed, mail.NoAddress):
        return "unreadable"
    return ""
