"""The ordeal is gone through once for each database; the tests look at what is left."""

import asyncio
import os
import random

import pytest

from tests import databases
from tests.faults import ordeal
from tests.faults.ordeal import Aftermath

KILLS: dict[databases.Dialect, int] = {"sqlite": 20, "postgresql": 4}


@pytest.fixture(scope="package", params=KILLS)
def aftermath(
    request: pytest.FixtureRequest, templates: databases.Templates, tmp_path_factory: pytest.TempPathFactory
) -> Aftermath:
    """What came of killing the server; `FEDICAUSE_SEED` repeats the times of an earlier run."""
    dialect: databases.Dialect = request.param
    if dialect == "postgresql":
        request.getfixturevalue("postgresql_cluster")
    seed = int(os.environ.get("FEDICAUSE_SEED") or random.randrange(1_000_000))
    print(f"FEDICAUSE_SEED={seed} for {KILLS[dialect]} kills on {dialect}")  # noqa: T201 - pytest shows it of a failure
    directory = tmp_path_factory.mktemp(f"killed-{dialect}")
    with templates.copy(dialect, "migrated", directory) as url:
        return asyncio.run(ordeal.run(directory, url, kills=KILLS[dialect], seed=seed))
