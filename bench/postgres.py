"""A PostgreSQL of its own for one measurement, as durable as a real one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg  # type: ignore[import-untyped]
import uvloop

from tests import components, postgres


@contextmanager
def running() -> Iterator[postgres.Cluster]:
    """A cluster that syncs every commit to the disk."""
    with postgres.running(components.postgresql(), is_durable=True) as cluster:
        yield cluster


def commits(cluster: postgres.Cluster, seconds: float = 1.0) -> float:
    """Durable commits of one row in a second, one after the other on one connection."""

    async def measure() -> float:
        connection = await asyncpg.connect(cluster.url("postgres"))
        await connection.execute("CREATE TABLE IF NOT EXISTS rows (id bigserial PRIMARY KEY, value bytea)")
        number, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            await connection.execute("INSERT INTO rows (value) VALUES ($1)", b"x" * 32)
            number += 1
        taken = time.perf_counter() - began
        await connection.close()
        return number / taken

    return uvloop.run(measure())
