"""Makes pages of what they show: Jinja with autoescape, in the reader's language."""

from datetime import date, datetime, timedelta
from functools import cache
from urllib.parse import urlsplit

import jinja2
from jinja2.runtime import Context

from federation import vocabulary
from fedicause import templating, words
from fedicause.web import assets, forms, translations
from fedicause.web.translations import Choice


def page(template: str, choice: Choice, **values: object) -> str:
    """The HTML of `templates/{template}`; `values` are views."""
    return (
        _environment()
        .get_template(template)
        .render(
            ui=choice.language,
            wanted=choice.wanted,
            asked=choice.asked,
            suffix=f"?lang={choice.asked}" if choice.asked else "",
            **values,
        )
    )


def document(template: str, **values: object) -> str:
    """The XML of `templates/{template}`, which has no words of ours in it."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> jinja2.Environment:
    environment = templating.environment(autoescape=True)
    environment.globals.update(
        static=assets.static,
        languages=translations.NAMES,
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
    return environment


def _language(context: Context) -> str:
    language: str = context["ui"]
    return language


@jinja2.pass_context
def _moment(context: Context, at: datetime) -> str:
    return words.moment(_language(context), at)


@jinja2.pass_context
def _ago(context: Context, age: timedelta) -> str:
    return translations.ago(_language(context), age)


@jinja2.pass_context
def _size(context: Context, value: int) -> str:
    return words.size(_language(context), value)


@jinja2.pass_context
def _seconds(context: Context, value: float) -> str:
    return words.seconds(_language(context), value)


@jinja2.pass_context
def _country(context: Context, code: str) -> str:
    return translations.country(_language(context), code)


@jinja2.pass_context
def _language_name(context: Context, language: str) -> str:
    return translations.name_of(_language(context), language)


def _iso(moment: date) -> str:
    return moment.isoformat()


def _host(address: str) -> str:
    """The name of a site's server, for people: without what many put before it."""
    return (urlsplit(address).hostname or "").removeprefix("www.")


def load() -> None:
    """Compiles what is for everybody now, at start, and not with its first reader.

    The staff's pages take 2 MB, and wait until somebody logs in.
    """
    environment = _environment()
    for name in environment.list_templates(extensions=["html"]):
        if not name.startswith(("admin/", "mail/", "paper/")):
            environment.get_template(name)
