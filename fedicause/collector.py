"""The garbage collector, kept off what lives long: while it looks at everything, nothing else happens."""

import gc
from time import perf_counter
from typing import Final, Literal

QUIET: Final = (1_000, 200, 20)
"""Thresholds: the young are looked at soon, lest the garbage of rounds and pages make the process larger."""
CROWDED: Final = (50_000, 4, 20)
"""In a crowd all requests are young at once, and looked at in vain; the older ones are looked at as often."""
LONG: Final = 0.03
"""Seconds of one pass, after which nobody looks again at what was there."""


def settle() -> None:
    """To be called once, when all is loaded that lives as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*QUIET)
    gc.callbacks.append(_Spare())


def expect(*, crowd: bool) -> None:
    """Tells what comes next, requests in a crowd or few; once it is settled."""
    before, after = (QUIET, CROWDED) if crowd else (CROWDED, QUIET)
    if gc.get_threshold() == before:
        gc.set_threshold(*after)


class _Spare:
    """Spares what has gathered since, too: compiled statements, keys, pages, some hundred thousand objects.

    What of it is garbage one day, and refers to itself, stays. That is what was under way in that moment, a
    few times in the life of a process: a pass is long only where far more than that is new.
    """

    def __init__(self) -> None:
        self._began = 0.0

    def __call__(self, phase: Literal["start", "stop"], about: dict[str, int]) -> None:
        if phase == "start":
            self._began = perf_counter()
        elif about["generation"] == 2 and perf_counter() - self._began > LONG:
            gc.freeze()
