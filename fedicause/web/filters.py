"""What the templates of pages can do with what they show: numbers, times and names in the page's language."""

from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import jinja2
from jinja2.runtime import Context

from federation import vocabulary
from fedicause import words
from fedicause.web import assets, forms


def equip(environment: jinja2.Environment) -> None:
    """Adds all of them to those that every template has."""
    environment.globals.update(
        static=assets.static,
        languages=words.NAMES,
        language_name=_in_its_language(words.name_of),
        countries=forms.countries,
        usual_country=forms.usual_country,
    )
    environment.filters.update(
        moment=_in_its_language(words.moment),
        ago=_in_its_language(words.ago),
        size=_in_its_language(words.size),
        seconds=_in_its_language(words.seconds),
        country=_in_its_language(words.country),
        iso=_iso,
        host=_host,
        timestamp=vocabulary.timestamp,
    )


def _in_its_language(shown: Callable[[str, Any], str]) -> Callable[[Context, Any], str]:
    """What shows a value in some language, for templates: in that of the page."""

    @jinja2.pass_context
    def show(context: Context, value: Any) -> str:
        return shown(context["ui"], value)

    return show


def _iso(moment: date) -> str:
    return moment.isoformat()


def _host(address: str) -> str:
    """The name of a site's server, for people: without what many put before it."""
    return (urlsplit(address).hostname or "").removeprefix("www.")
