"""The command line beside running servers, as their admins use it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from click.testing import CliRunner, Result

from fedicause.cli import main
from tests.coalitions import Home, Instances, Running


@asynccontextmanager
async def homes(
    instances: Instances, number: int, *, ago: timedelta = timedelta(0)
) -> AsyncIterator[tuple[Home, ...]]:
    """Organisations whose clocks are right, or behind by `ago`: the command line has none of its own."""
    async with instances(number, clock=Running(datetime.now(UTC) - ago)) as opened:
        yield opened


async def run(home: Home, *words: str) -> Result:
    """A command of ours beside the running server."""
    return await asyncio.to_thread(CliRunner().invoke, main, words, env=home.environment)


async def said(home: Home, *words: str) -> str:
    """What a command prints that does what it is told."""
    result = await run(home, *words)
    assert result.exit_code == 0, result.output
    return result.stdout


async def listed(home: Home, *words: str) -> Any:
    return json.loads(await said(home, *words, "--json"))


async def refused(home: Home, *words: str, status: int = 1) -> str:
    """The one sentence by which a command says why not."""
    result = await run(home, *words)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("fedicause: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("fedicause: ").strip()


async def findings(home: Home, *words: str, status: int = 0) -> dict[str, dict[str, str]]:
    result = await run(home, "doctor", "--json", *words)
    assert result.exit_code == status, result.output
    return {each["name"]: each for each in json.loads(result.stdout)["checks"]}


async def noted(home: Home) -> dict[str, str]:
    """What the doctor says of coalitions that is not as it should be."""
    about = ("signatures", "requests", "partners", "evidence")
    found = await findings(home)
    return {name: found[name]["text"] for name in about if found[name]["state"] != "ok"}
