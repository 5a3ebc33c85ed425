"""Reads the form that people sign with: what is well written, and what is wrong with the rest."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Final

from msgspec import Struct
from multidict import MultiMapping

from federation import sketches
from federation.vocabulary import Malformed
from fedicause import mail
from fedicause.fields import Unusable
from fedicause.signing import collecting, cosign
from fedicause.signing.acquaint import Given
from fedicause.web import translations
from fedicause.web.views import SignForm

NAME: Final = 100
ADDRESS: Final = 254
REASON: Final = 500
MORE: Final = 120
SHOWN: Final = ("nothing", "initials", "name")
FIELDS: Final = ("name", "mail", "country", "reason", "shown")
ORGANISATION: Final = ("organisation", "website", "role", "role_shown")
CHOICE: Final = "choice"
ROLE: Final = "roles"
SUBJECT: Final = 150
LETTER: Final = 10_000
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


class Written(Struct, frozen=True):
    """A form as it came. `values` by field, `problems` by field where something is wrong, `ticked`: consents.

    A problem is `missing`, `unreadable` (no such thing can be) or `long`.
    """

    values: Mapping[str, str]
    problems: Mapping[str, str]
    ticked: frozenset[str]
    via: str

    def given(self, form: SignForm, language: str, network: bytes | None, *, via: str) -> Given:
        """What to sign with in this form, where there are no problems."""
        chosen = self.chosen(form)
        more = {field: self.values[field] for field in self.values if field not in FIELDS}
        for field in [each for each in more if each == CHOICE or each.startswith(f"{ROLE}-")]:
            del more[field]
        if not more.get("organisation"):
            for field in ORGANISATION:
                more.pop(field, None)
        if chosen:
            more[CHOICE if form.is_one_choice else ROLE] = ", ".join(form.choices[each] for each in chosen)
        # Who leaves the letter as it is sends the campaign's.
        letter = form.letters.get(language)
        for field, default in (("subject", letter.subject), ("letter", letter.text)) if letter else ():
            if more.get(field) == _clean(default):
                del more[field]
        return Given(
            name=self.values["name"],
            address=self.values["mail"],
            country=self.values["country"],
            language=language,
            shown=self.values["shown"],
            reason=self.values["reason"],
            more={field: value for field, value in more.items() if value},
            consents=self.ticked,
            network=network,
            via=via or None,
            ticked=sum(1 << each for each in chosen),
        )

    def chosen(self, form: SignForm) -> list[int]:
        """The numbers, from 0, of the answer or the roles that were chosen."""
        if form.is_one_choice:
            return [int(self.values[CHOICE]) - 1] if self.values.get(CHOICE) else []
        return [each for each in range(len(form.choices)) if self.values[f"{ROLE}-{each + 1}"]]


def read(sent: MultiMapping[object], form: SignForm) -> Written:
    """A form that was sent; whatever is in it and in no such form is left out."""
    values = {
        "name": _line(sent, "name"),
        "mail": _text(sent, "mail").strip(),
        "country": _text(sent, "country").strip().upper(),
        "reason": _lines(sent, "reason"),
        "shown": _text(sent, "shown"),
        **{ask.field: _line(sent, ask.field) for ask in form.asks},
    }
    if values["shown"] not in SHOWN:
        values["shown"] = SHOWN[0]
    problems = {
        "name": _too_long(values["name"], NAME) or ("" if _has_letters(values["name"]) else "missing"),
        "mail": _address_problem(values["mail"]),
        "country": "" if is_country(values["country"]) else "missing",
        "reason": _too_long(values["reason"], REASON),
    }
    for ask in form.asks:
        value = values[ask.field]
        problems[ask.field] = _too_long(value, MORE) or ("missing" if ask.must and not value else "")
    if form.takes_organisations:
        _read_organisation(sent, values, problems)
    if form.is_one_choice and form.choices:
        number = _text(sent, CHOICE)
        is_there = number in {str(each + 1) for each in range(len(form.choices))}
        values[CHOICE], problems[CHOICE] = (number, "") if is_there else ("", "missing")
    elif form.choices:
        for each in range(1, len(form.choices) + 1):
            values[f"{ROLE}-{each}"] = _ticked(sent, f"{ROLE}-{each}")
    if form.letters:
        values["subject"], values["letter"] = _line(sent, "subject"), _lines(sent, "letter")
        problems["subject"] = _too_long(values["subject"], SUBJECT)
        problems["letter"] = _too_long(values["letter"], LETTER)
    ticked = frozenset(
        which for which in (collecting.OWN, collecting.ORIGIN) if _text(sent, f"consent-{which}") == "yes"
    )
    return Written(
        values,
        {field: problem for field, problem in problems.items() if problem},
        ticked,
        link_token(_text(sent, "via")),
    )


def address(sent: MultiMapping[object]) -> tuple[str, str]:
    """The mail address of a form, and what is wrong with it (as in Written.problems), empty for nothing."""
    written = _text(sent, "mail").strip()
    return written, _address_problem(written)


def reason(sent: MultiMapping[object]) -> tuple[str, str]:
    """Why somebody signs, and what is wrong with that, empty for nothing."""
    written = _lines(sent, "reason")
    return written, _too_long(written, REASON)


def _read_organisation(sent: MultiMapping[object], values: dict[str, str], problems: dict[str, str]) -> None:
    """For which organisation somebody signs, who needs say nothing of the kind."""
    for field in ("organisation", "website", "role"):
        values[field] = _line(sent, field)
        problems[field] = _too_long(values[field], NAME)
    values["role_shown"] = _ticked(sent, "role_shown")
    if not values["organisation"]:
        problems["organisation"] = "missing" if values["website"] or values["role"] else ""
        return
    try:
        values["website"] = cosign.website(values["website"])
        problems["website"] = ""
    except Unusable:
        problems["website"] = "unreadable" if values["website"] else "missing"


def link_token(text: str) -> str:
    """The token of a share link, empty for what can be none."""
    return text if _VIA.fullmatch(text) else ""


@cache
def countries(language: str) -> list[tuple[str, str]]:
    """Codes and names in this language, in its order."""
    names = [
        (code, translations.country(language, code))
        for code in map(str, translations.locale(language).territories)
        if is_country(code)
    ]
    return sorted(names, key=lambda pair: _plain(pair[1]))


@cache
def is_country(code: str) -> bool:
    """Whether it is a country by ISO 3166-1 (and Kosovo, which has none there)."""
    is_code = _COUNTRY.fullmatch(code) is not None and code not in _NO_COUNTRY
    return is_code and code in translations.locale("en").territories


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


def _ticked(sent: MultiMapping[object], field: str) -> str:
    return "yes" if _text(sent, field) == "yes" else ""


def _lines(sent: MultiMapping[object], field: str) -> str:
    return _clean(_text(sent, field))


def _clean(text: str) -> str:
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
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
