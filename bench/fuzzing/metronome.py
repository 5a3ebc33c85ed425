"""When the whole machine stood still: a process of its own that does nothing but look at the clock.

A virtual machine is stopped now and then for a moment by what is outside of it. Nothing within it can tell that
from work of its own, but for a process that has none.
"""

import os
import subprocess
import sys
import time
from typing import Final

BEAT: Final = 0.005
LATE: Final = 0.02


def waited(schedstat: int) -> float:
    """The seconds for which the kernel has had a thread wait for a processor."""
    return int(os.pread(schedstat, 64, 0).split()[1]) / 1e9


class Metronome:
    """Runs until it is asked for what it has seen."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.fuzzing.metronome"], stdout=subprocess.PIPE, text=True
        )

    def pauses(self) -> list[tuple[float, float]]:
        """From when to when the machine stood still, by time.monotonic; it ends with that."""
        self._process.terminate()
        told, _ = self._process.communicate(timeout=10)
        return [(float(begin), float(end)) for begin, end in map(str.split, told.splitlines())]


def overlap(begin: float, end: float, pauses: list[tuple[float, float]]) -> float:
    """The seconds of a time in which the machine stood still."""
    return sum(max(0.0, min(end, stopped) - max(begin, began)) for began, stopped in pauses)


def main() -> None:
    schedstat = os.open("/proc/self/schedstat", os.O_RDONLY)
    parent = os.getppid()
    while os.getppid() == parent:
        began, queued = time.monotonic(), waited(schedstat)
        time.sleep(BEAT)
        late = time.monotonic() - began - BEAT - (waited(schedstat) - queued)
        if late > LATE:
            print(began, began + BEAT + late, flush=True)


if __name__ == "__main__":
    main()
