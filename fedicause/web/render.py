"""Makes pages of what they show: Jinja with autoescape, in the reader's language."""

from functools import cache
from typing import TYPE_CHECKING, Final

from fedicause import words
from fedicause.web.translations import Choice

if TYPE_CHECKING:
    from jinja2 import Environment

# What most readers come for, and what is around it; the rest waits for its first reader.
_FIRST: Final = ("base.html", "home.html", "campaign.html", "parts/")


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
    """Loads what pages are made with: Jinja and Babel, the words, the templates that are asked for most.

    That takes half a second and 10 MB, which a server that shows no page does without.
    """
    words.load()
    environment = _environment()
    for name in environment.list_templates(extensions=["html"]):
        if name.startswith(_FIRST):
            environment.get_template(name)
