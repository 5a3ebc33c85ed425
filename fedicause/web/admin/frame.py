"""The frame of every page for the staff: who may see it, how its forms are guarded, how it looks.

A part of the administration is built on it like this:

    routes = web.RouteTableDef()

    @routes.get("/admin/things")
    @frame.staff("campaigns")      # a roles.Right; whoever isn't logged in is sent to /admin/login
    async def things(request: web.Request) -> web.Response:
        user = request[frame.USER]      # login.Staff: id, email, role
        return await frame.render_admin(request, "admin/things.html", things=…)

    @routes.post("/admin/things/{id}/close")
    @frame.staff("campaigns")      # Origin, session, right and CSRF token are checked before the handler runs
    async def close(request: web.Request) -> web.Response:
        slug = frame.text(request, "slug", 100)      # or request[frame.FORM], with web.FileField for files
        await frame.change(
            request,
            lambda session, here: things.close(session, slug, now=here.now),
            deed="thing.close",
            about=slug,
        )
        return frame.done("/admin/things", "closed")      # 303; the page then says what was done

- Add the part to `PARTS` in `web/admin/__init__.py`. Its place in NAVIGATION shows as soon as there is a GET
  route at its path, to those who have the right.
- `change` is one transaction with a row in the audit log; `about` may be a function of what the verb gives.
  Give `deed` its words in `templates/admin/parts/deed.html`. What a verb raises comes through: catch what the
  form can explain (render it again with status=422); of the rest MAPPED become 404 and 409. Ask other servers
  before `change`, never inside. `note` is for deeds that change nothing, such as an export.
- `@frame.staff(…, most_bytes=12 << 20)` for forms with files (enctype="multipart/form-data").
- Templates extend `admin/base.html`; they set `here` (the key in NAVIGATION) and `said`, the words for the
  codes of `done`:

      {% extends "admin/base.html" %}
      {% set here = "campaigns" %}
      {% set said = {"closed": _("The thing is closed.")} %}
      {% block title %}{% trans %}Things{% endtrans %}{% endblock %}
      {% block main %}
      <form method="post" action="/admin/things/1/close">{{ csrf() }}<button class="button">…</button></form>
      {% endblock %}

  Beside what all pages have (`ui`, `wanted`, `static`, the filters) there are `site`, `path`, `now`, `user`,
  `may("moderate")`, `csrf()` (a hidden field: every form needs it), `errands` (storage.errands.Errands).
- Looks (site.css and admin.css): `.box`, `.box-wrong`; `form.fields` with `.field`, `.fields-row`; `.hint`,
  `.problem`; `.actions`, `.button`, `.button-quiet`, `.button-danger`; `table.rows` (cells with data-label
  become lines on a phone); `.tag`, `.tag-wrong`; `.figures-grid`; `.nothing`; `.pager`; `.tabs`; `.head`.
- Nothing inline (CSP): scripts and styles are files in static/; `{% block scripts %}` takes a part's own.
  Every page works without JavaScript.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Final, TypeVar
from urllib.parse import quote

from aiohttp import web
from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import moderate, publish
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.staffing import login, roles
from fedicause.staffing.login import Staff
from fedicause.staffing.roles import Right
from fedicause.staffing.staff import Unknown as UnknownUser
from fedicause.watching import logs
from fedicause.web import gather, headers, render, transactions, translations
from fedicause.web.admin import admission, cookies
from fedicause.web.keys import INSTANCE
from fedicause.web.transactions import Verb
from storage import audit, errands, sessions

USER = admission.USER
FORM = admission.FORM
text = admission.text
MOST_BYTES: Final = admission.MOST_BYTES
_PRIVATE: Final = {"Cache-Control": "no-store"}
MAPPED: Final[Mapping[type[Exception], int]] = {
    gather.Missing: 404,
    gather.Gone: 404,
    moderate.Unknown: 404,
    UnknownUser: 404,
    publish.Unknown: 404,
    publish.Impossible: 409,
}

R = TypeVar("R")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Place(Struct, frozen=True):
    """An entry of the navigation; `waiting` names what of the errands is counted beside it."""

    key: str
    path: str
    right: Right
    waiting: str | None = None


NAVIGATION: Final = (
    Place("overview", "/admin", "read"),
    Place("campaigns", "/admin/campaigns", "read"),
    Place("partners", "/admin/partners", "read", "partners"),
    Place("moderation", "/admin/moderation", "read", "moderation"),
    Place("people", "/admin/people", "moderate"),
    Place("staff", "/admin/staff", "staff"),
    Place("running", "/admin/running", "staff"),
    Place("audit", "/admin/audit", "staff"),
)


def staff(right: Right, *, most_bytes: int = MOST_BYTES) -> Callable[[Handler], Handler]:
    """For handlers of those of the staff who have this right; `most_bytes` is the size of a form."""

    def wrap(handler: Handler) -> Handler:
        @wraps(handler)
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                admitted = await _admit(request, right, most_bytes)
                if isinstance(admitted, web.StreamResponse):
                    return admitted
                request = admitted
                try:
                    return await handler(request)
                finally:
                    admission.close_files(request)
            except tuple(MAPPED) as error:
                status = next(status for kind, status in MAPPED.items() if isinstance(error, kind))
                return await failure(request, status)
            except web.HTTPException as error:
                if error.status < 400 or USER not in request:
                    raise
                return await failure(request, error.status)

        return guarded

    return wrap


async def render_admin(
    request: web.Request, template: str, *, status: int = 200, **values: object
) -> web.Response:
    """The page of a template for whoever is logged in, or at the door."""
    instance = request.app[INSTANCE]
    user = request.get(USER)
    async with instance.database.reading() as session:
        site = await gather.site_of(session, instance)
        waiting = await errands.waiting(session) if user else None
    wanted = request.query.get("lang") if request.method == "GET" else None
    kept = cookies.get(request, "language")
    choice = translations.choose(wanted or kept, request.headers.get("Accept-Language"), site.language)
    html = render.page(
        template,
        replace(choice, asked=None),
        site=site,
        user=user,
        may=lambda right: user is not None and roles.may(user.role, right),
        csrf=lambda: Markup('<input type="hidden" name="csrf" value="{}">').format(user.csrf if user else ""),
        places=_places(request, user),
        errands=waiting,
        path=request.path if request.method == "GET" else "/admin" if user else "/admin/login",
        done=request.query.get("done", ""),
        now=instance.now(),
        **values,
    )
    response = web.Response(
        body=html.encode(),
        status=status,
        headers={**page_headers(instance), "Content-Language": choice.language},
    )
    if wanted in translations.LANGUAGES:
        cookies.put(request, response, "language", wanted, days=365)
    return response


async def change(
    request: web.Request, verb: Verb[R], *, deed: str, about: str | Callable[[R], str] = ""
) -> R:
    """Does it in one transaction, and notes in the audit log who did what (`deed`) to what (`about`)."""
    user = request[USER]

    async def noted(session: AsyncSession, here: Here) -> R:
        result = await verb(session, here)
        what = about if isinstance(about, str) else about(result)
        await audit.add(session, user_id=user.id, deed=deed, about=what, now=here.now)
        return result

    return await transactions.change(request.app[INSTANCE], noted)


async def note(request: web.Request, *, deed: str, about: str = "") -> None:
    """Puts a deed into the audit log that changes nothing."""

    async def nothing(_session: AsyncSession, _here: Here) -> None:
        return

    await change(request, nothing, deed=deed, about=about)


def done(path: str, code: str) -> web.Response:
    """303 to a page of the administration, whose template says in `said` what the code means."""
    mark = "&" if "?" in path else "?"
    return see(f"{path}{mark}done={quote(code)}")


def see(path: str) -> web.Response:
    """303, which nobody keeps."""
    return web.Response(status=303, headers={"Location": path, **_PRIVATE})


async def failure(request: web.Request, status: int) -> web.Response:
    """What somebody is told whose request came to nothing."""
    number = logs.REQUEST.get()
    return await render_admin(request, "admin/failure.html", status=status, failed=status, number=number)


def page_headers(instance: Instance) -> dict[str, str]:
    """For pages of the staff: kept by nobody, found by nobody, in nobody's frame, with forms to ourselves."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        **headers.page(dev=instance.settings.dev),
        "Content-Security-Policy": policy,
        "Referrer-Policy": "same-origin",
        "X-Robots-Tag": "noindex, nofollow",
        **_PRIVATE,
    }


async def _admit(request: web.Request, right: Right, most_bytes: int) -> web.Request | web.Response:
    """The request with its user and form; or what is answered instead."""
    is_form = request.method not in {"GET", "HEAD"}
    if is_form and not admission.is_own(request):
        return await failure(request, 403)
    user = await admission.whose(request)
    if user is None or user.is_half:
        return _to_the_door(request, user)
    request[USER] = user
    instance = request.app[INSTANCE]
    if instance.now() - user.seen_at > login.SEEN_EVERY:
        await transactions.change(
            instance, lambda session, here: sessions.seen(session, user.session, here.now)
        )
    if not roles.may(user.role, right):
        return await failure(request, 403)
    if is_form:
        await admission.read_form(request, most_bytes)
        if not admission.holds_token(request, user):
            admission.close_files(request)
            return await failure(request, 403)
    return request


def _to_the_door(request: web.Request, half: Staff | None) -> web.Response:
    if request.method == "GET" and request.headers.get("Sec-Fetch-Site") == "cross-site":
        # From a link in a mail the browser withholds the cookie. Asked again by ourselves, it sends it.
        body = '<!doctype html><title>…</title><meta http-equiv="refresh" content="0">'
        return web.Response(body=body.encode(), headers=page_headers(request.app[INSTANCE]))
    place = "/admin/login/code" if half else "/admin/login"
    asked = request.path_qs if request.method == "GET" and request.path != "/admin" else ""
    query = f"?next={quote(asked, safe='/')}" if asked else ""
    return see(place + query)


def _places(request: web.Request, user: Staff | None) -> list[Place]:
    """What of the navigation is there, and may be seen."""
    if user is None:
        return []
    there = {
        route.resource.canonical
        for route in request.app.router.routes()
        if route.method == "GET" and route.resource is not None
    }
    return [place for place in NAVIGATION if place.path in there and roles.may(user.role, place.right)]
