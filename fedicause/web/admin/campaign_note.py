"""A title and a text, of which translations and news are made."""

from aiohttp import web
from msgspec.structs import replace

from fedicause import fields
from fedicause.campaigning import manuscript
from fedicause.campaigning.manuscript import Manuscript
from fedicause.fields import Unusable
from fedicause.web.admin import campaign_form, frame


def plain(title: str, language: str, text: str, html: str) -> Manuscript:
    """A text with a title, in a language, that says nothing else of its campaign."""
    return Manuscript(
        path=campaign_form.HERE,
        title=title,
        slug=None,
        kind=None,
        topic=None,
        goal=None,
        thresholds=None,
        registered_at=None,
        language=language,
        ends_at=None,
        picture=None,
        picture_alt=None,
        text=text,
        html=html,
    )


def read(
    request: web.Request, language: str, *, kind: str = ""
) -> tuple[dict[str, str], dict[str, str], Manuscript]:
    """The fields of a text as they were written, what is wrong with them, and what they say.

    These are `title` and `text`, and for a translation what a campaign of its `kind` has to translate.
    """
    more = tuple(
        field for field in campaign_form.OF_KIND.get(kind, ()) if field in campaign_form.words_of(None)
    )
    values = {field: frame.text(request, field, campaign_form.MOST) for field in ("title", "text", *more)}
    title = " ".join(values["title"].split())
    problems = {}
    if not title:
        problems["title"] = "missing"
    try:
        if len(title) > manuscript.TITLE_LENGTH:
            problems["title"] = "long"
        fields.line_of(title, campaign_form.MOST)
    except Unusable:
        problems["title"] = "wrong"
    problem, html = campaign_form.written(values["text"])
    if problem:
        problems["text"] = problem
    reading = campaign_form.Reading(values)
    special, unused = reading.particulars(kind, {kind: more})
    said = replace(plain(title, language, values["text"], html), particulars=special, removed=unused)
    return values, problems | reading.problems, said
