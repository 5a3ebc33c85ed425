"""The public API is as /api/openapi.json says: asked as it says, and as it does not, by Schemathesis."""

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import hypothesis
import jsonschema_rs
import pytest
import schemathesis

from fedicause.instance import Instance
from fedicause.web import api
from storage.coalition_models import ElsewhereCount
from storage.models import Campaign
from tests.conftest import Client, application
from tests.web import alliances, writing

DOCUMENT: Final = json.loads((Path(api.__file__).parent / "openapi.json").read_text())
EXAMPLES: Final = 12
"""For each operation: each is one request or two."""
TRUE: Final = (
    ("/api/campaigns", {}),
    ("/api/campaigns/{slug}", {"slug": "forest"}),
    ("/api/campaigns/{slug}/support", {"slug": "FOREST"}),
    ("/api/campaigns/{slug}@{origin}", {"slug": "clean-river", "origin": "ally.test"}),
    ("/api/campaigns/{slug}@{origin}/support", {"slug": "clean-river", "origin": "Ally.test"}),
    ("/api/openapi.json", {}),
)
GONE: Final = (
    ("/api/campaigns/{slug}", {"slug": "felled"}),
    ("/api/campaigns/{slug}/support", {"slug": "none"}),
)


@pytest.fixture
async def filled(instance: Instance, campaign: Campaign) -> None:
    """Something in every member of every document."""
    now = instance.now()
    await writing.translation(instance, "forest", "it", "Salviamo la foresta", "Ha 200 anni.")
    await writing.news(instance, "forest", "The council listens", "It does.")
    await writing.campaign(instance, "felled")
    await writing.delete(instance, "felled")
    async with instance.database.writing() as session:
        session.add(
            ElsewhereCount(
                campaign_id=campaign.id,
                source="Paper",
                count=240,
                country="DE",
                counted_at=now,
                entered_at=now,
            )
        )
        await alliances.follow(session, alliances.ALLY, "Alpine Allies", now=now)
        river = await alliances.foreign(
            session,
            alliances.ALLY,
            "Alpine Allies",
            "clean-river",
            {"en": ("Clean", "<p>It is.</p>")},
            now=now,
        )
        coalition = await alliances.coalition(session, river.actor_uri, foreign_id=river.id)
        await alliances.member(session, coalition, alliances.ALLY, "Alpine Allies", now=now, place=0)
        await alliances.member(session, coalition, alliances.OURS, "Friends", now=now)
        await alliances.collected(session, coalition, alliances.ALLY, {"IT": 40, "ZZ": 2}, now=now)
        await alliances.collected_here(session, coalition, {"IT": 15, "DE": 3})


def ask(base: str) -> set[int]:
    """Asks for everything that there is, and for a lot that is not; the statuses that came."""
    schema = schemathesis.openapi.from_url(f"{base}/api/openapi.json")
    seen = set()
    for path, parameters in (*TRUE, *GONE):
        case = schema[path]["GET"].Case(path_parameters=parameters)
        answer = case.call_and_validate()
        assert (answer.status_code == 200) == ((path, parameters) in TRUE), (path, parameters)
        seen.add(answer.status_code)
        case = schema[path]["GET"].Case(
            path_parameters=parameters, headers={"If-None-Match": answer.headers.get("ETag", ['"0"'])[0]}
        )
        seen.add(case.call_and_validate().status_code)
    for found in schema.get_all_operations():

        @hypothesis.given(found.ok().as_strategy())
        @hypothesis.settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        )  # fmt: skip
        def try_it(case: schemathesis.Case) -> None:
            seen.add(case.call_and_validate().status_code)

        try_it()
    return seen


@pytest.mark.usefixtures("filled")
async def test_the_api_is_as_it_is_described(client: Client) -> None:
    assert await asyncio.to_thread(ask, str(client.make_url("")).rstrip("/")) == {200, 304, 404, 410}


def test_every_route_of_the_api_is_described(instance: Instance) -> None:
    routes = {
        route.resource.canonical
        for route in application(instance).router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api/")
    }
    assert routes == set(DOCUMENT["paths"])


def test_the_examples_are_examples() -> None:
    shown = 0
    for path in DOCUMENT["paths"].values():
        for response in path["get"]["responses"].values():
            for content in response.get("content", {}).values():
                if "example" in content:
                    schema: dict[str, Any] = content["schema"] | {"components": DOCUMENT["components"]}
                    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(
                        content["example"]
                    )
                    shown += 1
    assert shown > 10
