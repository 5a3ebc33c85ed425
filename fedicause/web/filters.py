"""What the templates of pages can do with what they show: numbers, times and names in the page's language."""

from datetime import date, datetime, timedelta
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
        language_name=_language_name,
        countries=forms.countries,
        usual_country=forms.usual_country,
    )
    environment.filters.update(
        moment=_moment,
        ago=_ago,
        size=_size,
        seconds=_seconds,
        country=_country,
        iso=_iso,
        host=_host,
        timestamp=vocabulary.timestamp,
    )


def _language(context: Context) -> str:
    language: str = context["ui"]
    return language


@jinja2.pass_context
def _moment(context: Context, at: datetime) -> str:
    return words.moment(_language(context), at)


@jinja2.pass_context
def _ago(context: Context, age: timedelta) -> str:
    return words.ago(_language(context), age)


@jinja2.pass_context
def _size(context: Context, value: int) -> str:
    return words.size(_language(context), value)


@jinja2.pass_context
def _seconds(context: Context, value: float) -> str:
    return words.seconds(_language(context), value)


@jinja2.pass_context
def _country(context: Context, code: str) -> str:
    return words.country(_language(context), code)


@jinja2.pass_context
def _language_name(context: Context, language: str) -> str:
    return words.name_of(_language(context), language)


def _iso(moment: date) -> str:
    return moment.isoformat()


def _host(address: str) -> str:
    """The name of a site's server, for people: without what many put before it."""
    return (urlsplit(address).hostname or "").removeprefix("www.")
