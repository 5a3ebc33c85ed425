"""The letters that answer a form: what to do about it, and how to be left alone."""

import base64
from datetime import datetime
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from fedicause import mail
from fedicause.here import Here
from fedicause.signing.collecting import Place
from fedicause.urls import Urls
from storage.columns import to_milliseconds

_TOKEN_BYTES: Final = 24
_BLANK: Final = "0" * 32


def link_token(here: Here, coalition_id: int, item: bytes, asked_at: datetime) -> str:
    """What the links about one form hold: the same in letter and reminder, another after a new form.

    Whoever fills in the form again with somebody's address changes what waits: the older letter is void.
    """
    about = b"%d %d %s" % (coalition_id, to_milliseconds(asked_at), item)
    return base64.urlsafe_b64encode(here.seal.blind("confirmation link", about)[:_TOKEN_BYTES]).decode()


def confirm(
    here: Here, place: Place, *, kind: str, to: str, language: str, person_id: int, token: str, days: int
) -> mail.Draft:
    """The letter with the link that makes a signature count; `kind` is `confirm` or, later, `remind`."""
    letter = _confirm(here.urls, kind, language, place.collector, place.title(language), place.page, days)
    own = replace(letter, text=letter.text.replace(_BLANK, token), html=letter.html.replace(_BLANK, token))
    return mail.Draft(kind, to, own, person_id)


@lru_cache(maxsize=256)
def _confirm(  # noqa: PLR0917 - whatever such letters have in common
    urls: Urls, kind: str, language: str, organisation: str, title: str, page: str, days: int
) -> mail.Composed:
    """What they all get who sign this, with a blank for the token: composing it takes longest."""
    return mail.compose(
        kind,
        language,
        organisation=organisation,
        site=urls.base,
        title=title,
        campaign=page,
        confirm=urls.confirm(_BLANK, language),
        decline=urls.decline(_BLANK, language),
        days=days,
    )


def known(
    here: Here, place: Place, *, to: str, language: str, person_id: int, token: str, door: str
) -> mail.Draft:
    """The letter to who has signed already, with the link to their own page."""
    composed = mail.compose(
        "known",
        language,
        organisation=place.collector,
        site=here.urls.base,
        title=place.title(language),
        campaign=place.page,
        page=here.urls.me(door, language),
        change=here.urls.confirm(token, language) if place.answers else None,
        decline=here.urls.decline(token, language),
    )
    return mail.Draft("known", to, composed, person_id)
