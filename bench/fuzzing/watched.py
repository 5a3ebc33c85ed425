"""The application as it is served, in a process that knows how long its event loop stood still.

`python -m bench.fuzzing.watched PORT REPORT` serves the instance of the environment on loopback until SIGTERM,
and then writes what it saw. Names are not looked up, and no other address is ever dialled.
"""

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any, Final

import uvloop
from aiohttp import abc, web
from aiohttp.connector import AddrInfoType
from msgspec.structs import replace

from bench.fuzzing import metronome
from bench.fuzzing.metronome import BEAT, LATE
from fedicause import app, collector, settings, work
from fedicause.web.inbox import RECEIVER
from fedicause.web.shortcut import Runner

STALL: Final = 0.1
"""Seconds of an event loop that does not turn."""


class Nowhere(abc.AbstractResolver):
    """Knows no name."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[abc.ResolveResult]:
        raise OSError("names are not looked up")

    async def close(self) -> None:
        return


def refuse(_address: AddrInfoType) -> socket.socket:
    raise OSError("nothing is dialled")


class Heart:
    """Beats in the event loop; a thread beside it looks at what every thread does when a beat is late.

    Time in which the kernel had the thread wait for a processor (schedstat) is the machine's, not the loop's,
    and so is time in which everything stood still.
    """

    def __init__(self) -> None:
        self._late: list[tuple[float, float, str]] = []
        self._metronome = metronome.Metronome()
        self._collecting = self._collected = 0.0
        gc.callbacks.append(self._collect)
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        task = threading.get_native_id()
        self._schedstat = os.open(f"/proc/self/task/{task}/schedstat", os.O_RDONLY)
        self._at = time.monotonic()
        self._waited = self._runqueue()
        self._seen: str = ""
        self._beat()
        threading.Thread(target=self._look, daemon=True).start()

    def _beat(self) -> None:
        now, waited = time.monotonic(), self._runqueue()
        stood = now - self._at - BEAT - (waited - self._waited)
        if stood > LATE:
            self._late.append((now - stood, now, self._seen))
        self._at, self._waited, self._seen = now, waited, ""
        self._loop.call_later(BEAT, self._beat)

    def report(self) -> dict[str, Any]:
        """How long the loop stood still at most, each time over STALL, and how long all did; in seconds."""
        pauses = self._metronome.pauses()
        late = [
            {"seconds": round(end - begin - metronome.overlap(begin, end, pauses), 3), "at": seen}
            for begin, end, seen in self._late
        ]
        return {
            "longest": max((each["seconds"] for each in late), default=LATE),
            "stalls": [each for each in late if each["seconds"] > STALL],
            "pauses": [round(end - begin, 3) for begin, end in pauses],
            "collected": self._collected,
        }

    def _collect(self, phase: str, _: dict[str, int]) -> None:
        now = time.monotonic()
        if phase == "start":
            self._collecting = now
        else:
            self._collected = max(self._collected, now - self._collecting)

    def _runqueue(self) -> float:
        return metronome.waited(self._schedstat)

    def _look(self) -> None:
        while True:
            time.sleep(0.02)
            if time.monotonic() - self._at > STALL / 2 and not self._seen:
                frames = sys._current_frames()
                del frames[threading.get_ident()]
                loop = _told(frames.pop(self._thread))
                self._seen = " | ".join(
                    [loop, *(told for each in frames.values() if not _idle(told := _told(each)))]
                )


def _told(frame: FrameType | None) -> str:
    """The innermost eight of what a thread is in; read at once, for the next beat is near."""
    found: list[str] = []
    while frame is not None and len(found) < 8:
        code = frame.f_code
        found.append(f"{code.co_filename.rpartition('/')[2]}:{frame.f_lineno} {code.co_name}")
        frame = frame.f_back
    return " < ".join(found)


def _idle(told: str) -> bool:
    """Whether a thread waits for something to do."""
    innermost = told.split(" < ", 1)[0]
    return innermost.startswith(("thread.py:", "core.py:"))


class Errors(logging.Handler):
    """What the application itself calls an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.counts: Counter[str] = Counter()
        self.shown: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        name = record.getMessage()[:120]
        if record.exc_info and record.exc_info[1]:
            last = traceback.extract_tb(record.exc_info[2])[-1]
            name = f"{type(record.exc_info[1]).__name__} at {Path(last.filename).name}:{last.lineno}: {name}"
            if name not in self.shown and len(self.shown) < 50:
                self.shown[name] = "".join(traceback.format_exception(record.exc_info[1]))[-3000:]
        self.counts[name] += 1


async def serve(port: int, report: Path) -> None:
    errors = Errors()
    logging.getLogger().addHandler(errors)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    # Nothing is refused for coming too often: it would hide what the rest does with it.
    given = replace(settings.load(), network_limit=None, domain_limit=None, wave=None)
    async with app.open_instance(given, resolver=Nowhere(), dial=refuse) as instance:
        runner = Runner(app.web_app(instance), access_log=None, handle_signals=False)
        await runner.setup()
        collector.settle()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        heart = Heart()
        try:
            await work.run(instance, receiver=runner.app[RECEIVER], stop=stop)
        finally:
            seen = {
                **heart.report(),
                "processor": time.process_time(),
                "errors": errors.counts.most_common(),
                "tracebacks": errors.shown,
            }
            report.write_text(json.dumps(seen, indent=1))
            await runner.cleanup()


def main() -> None:
    sys.setswitchinterval(0.0005)
    logging.basicConfig(level=logging.WARNING, handlers=[])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), Path(sys.argv[2])))


if __name__ == "__main__":
    main()
