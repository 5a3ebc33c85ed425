"""Templates of pages, letters and papers: what all of them know, in the language that `ui` names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import jinja2
from jinja2.runtime import Context

import templates
from fedicause import words

_TEMPLATES: Final = Path(templates.__file__).parent


def environment(*, autoescape: bool | Callable[[str | None], bool]) -> jinja2.Environment:
    """A new one, with the words of all languages, and the filters `number`, `percent`, `day` and `bare`."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=autoescape,  # noqa: S701 - whoever asks for one says what it is for
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    made.policies["ext.i18n.trimmed"] = True
    made.filters.update(
        number=in_its_language(words.number),
        percent=in_its_language(words.percent),
        day=in_its_language(words.day),
        bare=_bare,
    )
    made.install_gettext_callables(in_its_language(words.gettext), _ngettext, newstyle=True)  # type: ignore[attr-defined]
    return made


def in_its_language(shown: Callable[[str, Any], str]) -> Callable[[Context, Any], str]:
    """What shows a value in some language, for templates: in that of the page."""

    @jinja2.pass_context
    def show(context: Context, value: Any) -> str:
        return shown(context["ui"], value)

    return show


def _bare(address: str) -> str:
    """An address for people: without its scheme."""
    return address.split("://", 1)[-1].rstrip("/")


@jinja2.pass_context
def _ngettext(context: Context, one: str, many: str, number: int) -> str:
    return words.ngettext(context["ui"], one, many, number)
