"""Our server as a live process, for live peers."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.nursery import Forked
from tests.process import Process


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Process:
    """An instance that was set up and never served; setting one up takes several commands."""
    process = Forked(tmp_path_factory.mktemp("prepared"))
    asyncio.run(process.set_up())
    return process


@pytest.fixture
async def ours(prepared: Process, tmp_path: Path) -> AsyncIterator[Process]:
    """A copy of that instance, serving. Its address is part of what it holds: one at a time."""
    directory = tmp_path / "ours"
    shutil.copytree(prepared.directory, directory)
    process = Forked(directory, port=prepared.port)
    await process.start()
    yield process
    await process.stop()
