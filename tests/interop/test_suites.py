"""Suites that others wrote for servers like ours, run against a live one."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import components
from tests.process import Process

VERIFY = Path(__file__).parent / "pasture" / "verify.py"

# The others are for servers that take activities from clients, or that let everybody read an inbox.
APPLICABLE = {
    "actor-must-serve-as2-object-to-get",
    "actor-objects-must-have-inbox-outbox-properties",
    "followers-collection-must-be-a-collection",
    "following-collection-must-be-a-collection",
    "outbox-must-be-an-orderedcollection",
}


async def output(*command: str, directory: Path) -> str:
    """What a program printed; it must end well."""
    run = await asyncio.create_subprocess_exec(
        *command, cwd=directory, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    printed, complaints = await run.communicate()
    assert run.returncode == 0, complaints.decode()[-3000:]
    return printed.decode()


def documents(text: str) -> Iterator[Any]:
    """The JSON documents that stand one behind the other."""
    read = json.JSONDecoder().raw_decode
    while text := text.strip():
        document, end = read(text)
        yield document
        text = text[end:]


async def test_activitypub_testing_finds_no_rule_broken(ours: Process, tmp_path: Path) -> None:
    suite = components.node_peer("node_modules/activitypub-testing/src/cli.js")
    for actor in (ours.actor, f"{ours.url}/actors/org", f"{ours.url}/actor"):
        printed = await output(*suite, "test", "actor", actor, directory=tmp_path)
        outcomes = {each["test"]["slug"]: each["result"]["outcome"] for each in documents(printed)}
        assert {slug for slug, outcome in outcomes.items() if outcome == "passed"} == APPLICABLE, outcomes
        assert set(outcomes.values()) == {"passed", "inapplicable"}, outcomes


async def test_pasture_is_let_in_signed_and_kept_out_unsigned(ours: Process, tmp_path: Path) -> None:
    """Alice and Dean sign nothing; Claire's and Frank's keys are served to signed requests alone; Dean, Emily
    and Frank have no WebFinger."""
    python = str(components.pasture())
    printed = await output(python, str(VERIFY), ours.actor, directory=tmp_path)
    verified: dict[str, Any] = json.loads(printed)
    signed, unsigned = {"get_actor": True, "post_inbox": True}, {"get_actor": True, "post_inbox": False}
    assert verified["result"] == {
        "alice": unsigned,
        "bob": signed,
        "claire": signed,
        "dean": unsigned,
        "emily": signed,
        "frank": signed,
        "webfinger": True,
    }, verified["messages"]
