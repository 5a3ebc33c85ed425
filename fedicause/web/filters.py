"""What the templates of pages can do with what they show: numbers, times and names in the page's language."""

from datetime import date
from urllib.parse import urlsplit

import jinja2

from federation import vocabulary
from fedicause import words
from fedicause.templating import in_its_language
from fedicause.web import assets, forms


def equip(environment: jinja2.Environment) -> None:
    """Adds all of them to those that every template has."""
    environment.globals.update(
        static=assets.static,
        languages=words.NAMES,
        language_name=in_its_language(words.name_of),
        countries=forms.countries,
        usual_country=forms.usual_country,
    )
    environment.filters.update(
        moment=in_its_language(words.moment),
        ago=in_its_language(words.ago),
        size=in_its_language(words.size),
        seconds=in_its_language(words.seconds),
        country=in_its_language(words.country),
        iso=_iso,
        host=_host,
        timestamp=vocabulary.timestamp,
    )


def _iso(moment: date) -> str:
    return moment.isoformat()


def _host(address: str) -> str:
    """The name of a site's server, for people: without what many put before it."""
    return (urlsplit(address).hostname or "").removeprefix("www.")
