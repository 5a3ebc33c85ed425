"""What a simulated server serves: its people, their posts, how to find them, an inbox, the visitor's ☆."""

from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs, web

from federation import vocabulary
from fedicause.demo import pages
from fedicause.demo.dialects import Document
from fedicause.demo.people import Cause, Person
from fedicause.demo.servers import Server

GUEST: Final = "you"


class Site:
    """The web side of one server. `bases` are the organisations whose pictures its pages may show."""

    def __init__(
        self, server: Server, people: Sequence[Person], causes: Sequence[Cause], bases: Sequence[str]
    ) -> None:
        self._server = server
        self._guest = Person(90_000, GUEST, "You", "en", server)
        self._people = {person.user: person for person in (*people, self._guest)}
        self._causes = {cause.note: cause for cause in causes}
        self._pages = pages.Pages(server, " ".join(bases))
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/.well-known/webfinger", self._webfinger)
        app.router.add_get("/.well-known/nodeinfo", self._nodeinfo_links)
        app.router.add_get("/nodeinfo/2.0", self._nodeinfo)
        app.router.add_get(pages.PATH, self._open)
        app.router.add_post(pages.PATH, self._press)
        app.router.add_get("/{path:.*}", self._read)
        app.router.add_post("/{path:.*}", self._inbox)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.SockSite(self._runner, self._server.listening).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _open(self, request: web.Request) -> web.Response:
        """The call as this server shows it, with the ☆ of whoever came."""
        cause = self._causes.get(request.query.get("uri", ""))
        return await self._pages.call(self._person(request), cause)

    async def _press(self, request: web.Request) -> web.Response:
        """Endorses or takes back, by a request that is signed like everybody's."""
        person, cause = self._person(request), self._causes.get(request.query.get("uri", ""))
        if cause is not None:
            await (person.unlike(cause) if cause.slug in person.liked else person.like(cause, None))
        raise web.HTTPSeeOther(f"{pages.PATH}?{request.query_string}")

    def _person(self, request: web.Request) -> Person:
        return self._people.get(request.query.get("as", GUEST), self._guest)

    async def _inbox(self, request: web.Request) -> web.Response:
        try:
            document = await request.json()
            document["type"]
        except (ValueError, KeyError, TypeError):
            return web.Response(status=400)
        return web.Response(status=202)

    async def _webfinger(self, request: web.Request) -> web.Response:
        resource = request.query.get("resource", "").removeprefix("acct:").removeprefix("@")
        user, _, host = resource.partition("@")
        person = self._people.get(user)
        if person is None or host.lower() != self._server.authority:
            return web.json_response({"error": "not found"}, status=404)
        links = [
            {"rel": "self", "type": vocabulary.ACTIVITY_JSON, "href": person.uri},
            # Every browser knows the way to this address; not all of them know *.localhost.
            {
                "rel": "http://ostatus.org/schema/1.0/subscribe",
                "template": f"http://127.0.0.1:{self._server.port}{pages.PATH}?as={person.user}&uri={{uri}}",
            },
        ]
        subject = {"subject": f"acct:{user}@{self._server.authority}", "aliases": [person.uri]}
        return web.json_response(subject | {"links": links}, content_type="application/jrd+json")

    async def _nodeinfo_links(self, _: web.Request) -> web.Response:
        rel = "http://nodeinfo.diaspora.software/ns/schema/2.0"
        return web.json_response({"links": [{"rel": rel, "href": f"{self._server.base}/nodeinfo/2.0"}]})

    async def _nodeinfo(self, _: web.Request) -> web.Response:
        dialect = self._server.dialect
        return web.json_response(
            {
                "version": "2.0",
                "software": {"name": dialect.software, "version": dialect.version},
                "protocols": ["activitypub"],
                "services": {"inbound": [], "outbound": []},
                "openRegistrations": False,
                "usage": {"users": {"total": len(self._people)}},
                "metadata": {},
            }
        )

    async def _read(self, request: web.Request) -> web.Response:
        """An actor, a key, a post or a collection; to browsers the page that shows it."""
        uri = f"{self._server.base}{request.path}"
        if "json" not in request.headers.get(hdrs.ACCEPT, ""):
            return self._pages.show(uri, self._people)
        if self._server.dialect.is_secure and "Signature" not in request.headers:
            return web.json_response({"error": "Unauthorized"}, status=401)
        document = self._document(uri)
        if document is None:
            return web.json_response({"error": "not found"}, status=404)
        return web.json_response(document, content_type=vocabulary.ACTIVITY_JSON)

    def _document(self, uri: str) -> Document | None:
        post = self._server.posts.get(uri.removesuffix("/note"))
        if post is not None:
            return {"@context": vocabulary.AS2, **post}
        for person in self._people.values():
            document = person.document
            if document is None or not uri.startswith(person.uri):
                continue
            if uri == person.uri:
                return document
            if uri == f"{person.uri}{self._server.dialect.key}":
                # GoToSocial answers with an actor cut down to its key.
                return {name: document[name] for name in ("@context", "id", "type", "publicKey")}
            if uri == f"{person.uri}/outbox":
                empty = {"type": "OrderedCollection", "totalItems": 0, "orderedItems": []}
                return {"@context": vocabulary.AS2, "id": uri, **empty}
        return None
