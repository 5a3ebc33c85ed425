"""Makes pages of what they show: Jinja with autoescape, in the reader's language."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

from fedicause import words
from fedicause.web.translations import Choice

if TYPE_CHECKING:
    from jinja2 import Environment

_STAFF: Final = "admin/"
_LETTERS: Final = "mail/"


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
def _environment() -> "Environment":
    from fedicause import templating  # noqa: PLC0415 - see `load`
    from fedicause.web import filters  # noqa: PLC0415

    environment = templating.environment(autoescape=True)
    filters.equip(environment)
    return environment


def load() -> None:
    """Loads what the public's pages are made with: Jinja and Babel, the words, the templates.

    That takes a second and 20 MB, which a server that shows no page does without.
    """
    words.load()
    _compile(lambda name: not name.startswith((_STAFF, _LETTERS)))


def load_staff() -> None:
    """Loads what the staff's pages need beside the public's, and what reads the texts written there."""
    import_module("markdown_it")
    _compile(lambda name: name.startswith(_STAFF))


def _compile(is_wanted: Callable[[str], bool]) -> None:
    environment = _environment()
    for name in environment.list_templates(extensions=["html", "xml"]):
        if is_wanted(name):
            environment.get_template(name)
