"""What another server does to read us: it asks for ActivityPub, and follows pages."""

from typing import Any

from tests.conftest import Client

OURS = "https://ours.test"
FOREST, NOTE = "/actors/forest", "/campaigns/forest"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
ACTIVITY = "application/activity+json"
LD = 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
COUNTED = [f"{NOTE}/likes", f"{NOTE}/shares", f"{FOREST}/followers"]
# All that the campaign alone has: gone with it, and unseen before it is published.
OF_CAMPAIGN = [
    NOTE,
    FOREST,
    *COUNTED,
    f"{NOTE}/replies",
    f"{NOTE}/replies?page=1",
    f"{FOREST}/outbox",
    f"{FOREST}/outbox?page=1",
    f"{FOREST}/following",
    f"{FOREST}/featured",
]
SERVED = [
    *OF_CAMPAIGN,
    "/actor",
    "/actor/outbox",
    "/actor/followers",
    "/actor/following",
    "/actors/org",
    "/actors/org/outbox",
    "/actors/org/outbox?page=1",
    "/actors/org/followers",
    "/actors/org/following",
    "/actors/org/featured",
]


async def read(client: Client, path: str) -> dict[str, Any]:
    """The document at a path, which says so itself."""
    async with client.get(path, headers={"Accept": ACTIVITY}) as answer:
        assert answer.status == 200, path
        assert answer.headers["Content-Type"] == ACTIVITY
        document: dict[str, Any] = await answer.json(content_type=ACTIVITY)
    assert document["id"] == OURS + path
    return document


async def status(client: Client, path: str, accept: str = ACTIVITY) -> int:
    async with client.get(path, headers={"Accept": accept}, allow_redirects=False) as answer:
        return answer.status


async def walk(client: Client, collection: str, way: str = "next") -> list[dict[str, Any]]:
    """The pages of a collection from its first one on, or backwards from its last one."""
    pages: list[dict[str, Any]] = []
    path = (await read(client, collection))["first"]
    while path is not None:
        pages.append(await read(client, path.removeprefix(OURS)))
        path = pages[-1].get("next")
    if way == "prev":
        backwards = [pages[-1]]
        while "prev" in backwards[-1]:
            backwards.append(await read(client, backwards[-1]["prev"].removeprefix(OURS)))
        return backwards
    return pages
