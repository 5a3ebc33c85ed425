"""Each process says every half minute that it is there, and what it has counted: rows that others read."""

import asyncio
import json
import logging
from datetime import timedelta
from typing import Any, Final

from fedicause import __version__
from fedicause.instance import Instance
from fedicause.watching import machine
from storage import processes

EVERY: Final = timedelta(seconds=30)
GONE_AFTER: Final = timedelta(seconds=100)
"""Whoever was not seen for so long has crashed, or can't reach the database."""
KEPT_FOR: Final = timedelta(days=1)
_TICK: Final = 0.5

log = logging.getLogger(__name__)


async def run(instance: Instance, stop: asyncio.Event) -> None:
    """Until `stop` is set; then says that the process ends."""
    lag = asyncio.create_task(_measure_lag(instance), name="lag")
    try:
        while not stop.is_set():
            await _tell(instance)
            try:
                async with asyncio.timeout(EVERY.total_seconds()):
                    await stop.wait()
            except TimeoutError:
                continue
        await _tell(instance, has_ended=True)
    finally:
        lag.cancel()


def report(instance: Instance) -> dict[str, Any]:
    """What this process has counted, and what it uses of the machine."""
    return instance.meter.report() | {"usage": machine.usage(instance.database)}


async def _tell(instance: Instance, *, has_ended: bool = False) -> None:
    meter = instance.meter
    try:
        async with instance.database.writing() as session:
            await processes.put(
                session,
                id=meter.id,
                role=meter.role,
                name=meter.name,
                version=__version__,
                started_at=meter.started_at,
                report=json.dumps(report(instance)),
                now=instance.now(),
                has_ended=has_ended,
            )
    except Exception as error:  # nobody's work must end for this, and there is a next time
        log.info("could not say that this process is there: %s", type(error).__name__)


async def _measure_lag(instance: Instance) -> None:
    """How late the event loop is for what it has to do: when it is, everybody waits."""
    loop, lag = asyncio.get_running_loop(), instance.meter.time("loop_lag")
    while True:
        due = loop.time() + _TICK
        await asyncio.sleep(_TICK)
        lag.add(max(loop.time() - due, 0.0))
