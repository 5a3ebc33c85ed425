"""Whether the clock is right: signatures carry the time, and those an hour off are refused everywhere."""

import asyncio
import statistics
from collections.abc import Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from fedicause.doctor.caller import PATIENCE
from fedicause.doctor.surroundings import Surroundings
from fedicause.finding import Finding

WARN_FROM: Final = 30.0
"""Seconds."""
WRONG_FROM: Final = 300.0
ASKED: Final = 8
ADVICE: Final = "let NTP set the clock: timedatectl set-ntp true (Debian: apt install systemd-timesyncd)"


async def look(origins: Sequence[str], through: Surroundings) -> list[Finding]:
    """Compares the clock with that of other servers (their base URLs), and asks the system about NTP."""
    drifts, synchronised = await asyncio.gather(_drifts(origins, through), _synchronised())
    found = [_compared(drifts)]
    if synchronised is False:
        found.append(Finding("ntp", "warning", "no time server sets the clock of this machine", ADVICE))
    elif synchronised:
        found.append(Finding("ntp", "ok", "a time server sets the clock"))
    return found


def _compared(drifts: Sequence[float]) -> Finding:
    if not drifts:
        return Finding("time", "ok", "no other server was there to compare the clock with")
    # Some of them may be wrong themselves.
    drift = statistics.median(drifts)
    servers = "one other server" if len(drifts) == 1 else f"{len(drifts)} other servers"
    if abs(drift) < WARN_FROM:
        return Finding("time", "ok", f"the clock agrees with {servers}")
    way = "slow" if drift > 0 else "fast"
    shown = f"{abs(drift):,.0f} seconds {way}, says the clock of {servers}"
    return Finding("time", "problem" if abs(drift) >= WRONG_FROM else "warning", shown, ADVICE)


async def _drifts(origins: Sequence[str], through: Surroundings) -> list[float]:
    """Seconds by which each that answers is ahead of us."""
    connector = aiohttp.TCPConnector(resolver=through.resolver(), ssl=through.context())
    async with aiohttp.ClientSession(connector=connector, timeout=PATIENCE) as session:

        async def ask(origin: str) -> float | None:
            with suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError):
                async with session.head(f"{origin}/.well-known/nodeinfo", allow_redirects=False) as answer:
                    told = parsedate_to_datetime(answer.headers.get("Date", ""))
                    return told.timestamp() - through.now().timestamp()
            return None

        answers = await asyncio.gather(*map(ask, origins[:ASKED]))
    return [each for each in answers if each is not None]


async def _synchronised() -> bool | None:
    """What systemd says of NTP; None where there is no systemd to ask."""
    with suppress(OSError, TimeoutError):
        asked = await asyncio.create_subprocess_exec(
            "timedatectl",
            "show",
            "--property=NTPSynchronized",
            "--value",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            stdin=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(3):
                said, _ = await asked.communicate()
        except TimeoutError:
            asked.kill()
            await asked.wait()
            return None
        return {b"yes": True, b"no": False}.get(said.strip())
    return None
