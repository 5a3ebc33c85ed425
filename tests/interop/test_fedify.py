"""A live, independent server finds the campaign, follows it, endorses it and takes that back."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.interop import fedify
from tests.interop.fedify import Fedify, FirstKnock
from tests.process import Process, eventually


@pytest.fixture(params=["draft-cavage-http-signatures-12", "rfc9421"])
async def cleos(request: pytest.FixtureRequest) -> AsyncIterator[Fedify]:
    """Cleo's server, which signs by draft-cavage first or by RFC 9421 first."""
    first_knock: FirstKnock = request.param
    async with fedify.running(first_knock) as running:
        yield running


async def support(ours: Process, **expected: int) -> None:
    """Returns once the public support says so; it must within 2 seconds."""

    async def says_so() -> bool:
        found: dict[str, Any] = await ours.support()
        return {name: found[name] for name in expected} == expected

    await eventually(says_so, within=2)


async def test_fedify_finds_follows_reads_endorses_and_takes_it_back(ours: Process, cleos: Fedify) -> None:
    # Development mode has no https, which WebFinger of a handle needs: it asks for the address instead.
    found = await cleos.ask("find", address=ours.actor)
    assert found["subject"] == f"acct:forest@127.0.0.1:{ours.port}"
    assert (found["actor"], found["kind"], found["name"]) == (ours.actor, "Group", "Save the old forest")

    assert (await cleos.ask("pinned", actor=ours.actor))["ids"] == [ours.note]
    note = await cleos.ask("read", uri=ours.note)
    assert (note["kind"], note["id"]) == ("Note", ours.note)
    assert "<strong>Save the old forest</strong>" in note["content"]

    like = (await cleos.ask("like", note=ours.note))["said"]
    await support(ours, endorsements=1, total=1)
    await cleos.ask("unlike", note=ours.note, like=like)
    await support(ours, endorsements=0)
    # A Date has whole seconds, and of two words in one second the withdrawal wins.
    await asyncio.sleep(1.1)
    await cleos.ask("like", note=ours.note, emoji="👍")
    await support(ours, endorsements=1)
    await cleos.ask("announce", note=ours.note)
    await support(ours, endorsements=1, shares=1)


async def test_fedify_follows_and_gets_what_the_campaign_says(ours: Process, cleos: Fedify) -> None:
    await cleos.ask("follow", actor=ours.actor)
    await eventually(lambda: cleos.has_received("Accept"), within=10)

    news = ours.directory / "news.md"
    news.write_text("---\ntitle: We met the mayor\n---\nShe listened.")
    await ours.command("campaign", "update", "forest", str(news))
    await eventually(lambda: cleos.has_received("Create"), within=10)
    [post] = [each["object"] for each in cleos.received if each["type"] == "Create"]
    assert "She listened." in post["content"]

    await ours.command("campaign", "edit", "forest", str(ours.directory / "forest.md"))
    await eventually(lambda: cleos.has_received("Update"), within=10)
    await ours.command("campaign", "delete", "forest", "--yes")
    await eventually(lambda: cleos.has_received("Delete"), within=10)


@pytest.mark.parametrize("cleos", ["rfc9421"], indirect=True)
async def test_fedify_hears_on_when_keys_are_changed(ours: Process, cleos: Fedify) -> None:
    await cleos.ask("follow", actor=ours.actor)
    await eventually(lambda: cleos.has_received("Accept"), within=10)
    await ours.command("keys", "rotate", "--all")
    await eventually(lambda: cleos.has_received("Update"), within=20)
    news = ours.directory / "news.md"
    news.write_text("---\ntitle: We met the mayor\n---\nShe listened.")
    await ours.command("campaign", "update", "forest", str(news))
    await eventually(lambda: cleos.has_received("Create"), within=20)
    # And its own words arrive: its fetches of our documents, and ours of its key, go on.
    await cleos.ask("like", note=ours.note)
    await support(ours, endorsements=1)


async def test_a_reply_from_fedify_waits_for_a_moderator(ours: Process, cleos: Fedify) -> None:
    await cleos.ask("reply", note=ours.note, content="<p>I walk there every Sunday.</p>")

    async def waiting() -> bool:
        return "I walk there every Sunday" in await ours.command("moderate", "testimonies", "--json")

    await eventually(waiting, within=10)
