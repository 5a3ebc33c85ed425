"""What a browser sees of a simulated server: profiles, posts, and the page where a visitor presses ☆."""

import json
from collections.abc import Mapping
from html import escape
from typing import Final
from urllib.parse import quote

import aiohttp
from aiohttp import hdrs, web

from federation import vocabulary
from fedicause.demo.people import Cause, Person
from fedicause.demo.servers import Server

PATH: Final = "/authorize_interaction"

_COLOURS: Final = {
    "harbour": "#4b3fd6",
    "thicket": "#a3471f",
    "comet": "#4f7300",
    "orchard": "#b02a5b",
    "lantern": "#8a5a00",
    "kiln": "#0b6b66",
}
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d1724; --page: #f6f4f9; --card: #fff; --line: #ddd6e6; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #eee8f5; --page: #15101c; --card: #211a2b; --line: #3a3047; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1.0625rem/1.55 system-ui, sans-serif; }
header { background: var(--colour); color: #fff; padding: 0.9rem max(1rem, 50vw - 20rem); font-weight: 700; }
header small { font-weight: 400; opacity: 0.85; margin-inline-start: 0.6em; }
main { max-width: 40rem; margin: 1.5rem auto; padding: 0 1rem; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  padding: 1.25rem 1.5rem; }
article img { width: 100%; border-radius: 10px; display: block; margin-top: 1rem; }
.by { font-weight: 700; overflow-wrap: anywhere; margin: 0; }
.by span, .hint { font-weight: 400; opacity: 0.75; }
form { position: sticky; bottom: 0; background: var(--card); margin-top: 1rem; padding: 0.75rem 0;
  display: flex; gap: 0.25rem 0.75rem; align-items: center; flex-wrap: wrap; }
button { font: inherit; font-size: 1.25rem; font-weight: 700; border: 2px solid #c77700; border-radius: 999px;
  padding: 0.5rem 1.5rem; background: transparent; color: inherit; cursor: pointer; }
button.pressed { background: #ffc53d; color: #1d1724; }
button:focus-visible, a:focus-visible { outline: 3px solid #c77700; outline-offset: 3px; }
a { color: inherit; }
"""


class Pages:
    """The pages of one server. They may show pictures from these bases, separated by spaces."""

    def __init__(self, server: Server, bases: str) -> None:
        self._server = server
        self._bases = bases

    async def call(self, person: Person, cause: Cause | None) -> web.Response:
        """A call as this server shows it: the way from a campaign's page to the ☆, and back."""
        if cause is None:
            return self._page("<p>This small server knows the campaigns of the demo only.</p>", 404)
        is_pressed = cause.slug in person.liked
        star = "★ Endorsed" if is_pressed else "☆ Endorse"
        hint = "Press again to take it back." if is_pressed else "One tap is your endorsement."
        return self._page(
            f'<article><p class="by">@{escape(cause.slug)} <span>shown to {escape(person.handle)}</span></p>'
            f"{await self._content(cause)}"
            f'<form method="post"><button class="{"pressed" if is_pressed else ""}">{star}</button> '
            f'<span class="hint">{hint}</span></form></article>'
            f'<p><a href="{escape(cause.note)}">Back to the campaign, where the count moves</a></p>',
            pictures_from=self._bases,
        )

    def show(self, uri: str, people: Mapping[str, Person]) -> web.Response:
        """A post or a profile, for whoever follows a link to one. `people` by user name."""
        post = self._server.posts.get(uri)
        if post is not None:
            author = next(each for each in people.values() if each.uri == post["attributedTo"])
            answered = escape(post["inReplyTo"])
            return self._page(
                f"<article>{_byline(author)}{post['content']}"
                f'<p class="hint">In reply to <a href="{answered}">{answered}</a></p></article>',
            )
        name = uri.rpartition("/@")[2]
        if name in people:
            return self._page(f"<article>{_byline(people[name])}</article>")
        listed = "".join(
            f'<li><a href="{self._server.base}/@{quote(each.user)}">{escape(each.name)}</a></li>'
            for each in people.values()
            if each.key is not None
        )
        return self._page(f"<article><p>People who live here:</p><ul>{listed}</ul></article>")

    async def _content(self, cause: Cause) -> str:
        """The Note's text and picture; the text is HTML that our own server has cleaned."""
        accepting = {hdrs.ACCEPT: vocabulary.ACTIVITY_JSON}
        try:
            async with self._server.session.get(cause.note, headers=accepting) as answer:
                note = json.loads(await answer.read())
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return "<p>The campaign's server does not answer.</p>"
        pictures = "".join(
            f'<img src="{escape(each["url"])}" alt="{escape(each.get("name") or "")}">'
            for each in note.get("attachment", [])
        )
        return f"{note['content']}{pictures}"

    def _page(self, body: str, status: int = 200, *, pictures_from: str = "'none'") -> web.Response:
        dialect, authority = self._server.dialect, escape(self._server.authority)
        html = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f"<title>{authority}</title>"
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>:root {{ --colour: {_COLOURS[dialect.host]}; }}{_STYLE}</style></head>"
            f"<body><header>{authority}"
            f"<small>simulated, speaks like {escape(dialect.software)}</small></header>"
            f"<main>{body}</main></body></html>"
        )
        policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src {pictures_from}; form-action 'self'"
        return web.Response(
            text=html, status=status, content_type="text/html", headers={"Content-Security-Policy": policy}
        )


def _byline(person: Person) -> str:
    return f'<p class="by">{escape(person.name)} <span>{escape(person.handle)}</span></p>'
