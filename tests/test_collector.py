"""The garbage collector looks at what is new, and at the rest no more."""

import subprocess
import sys

# In a process of its own: the collector is everybody's.
GATHERING = """
import gc
from fedicause import collector

collector.settle()
before = gc.get_freeze_count()
kept = [[[number] for number in range(8)] for _ in range(200_000)]
gc.collect()
assert gc.get_freeze_count() - before > 1_000_000, gc.get_freeze_count()
assert len(gc.get_objects()) < 10_000, len(gc.get_objects())
kept.clear()
gc.collect()
assert gc.get_freeze_count() - before < 10_000, "what nobody holds any more is gone, looked at or not"
"""


def test_what_has_gathered_is_looked_at_once() -> None:
    subprocess.run([sys.executable, "-c", GATHERING], check=True)


CROWD = """
import gc
from fedicause import collector

collector.settle()
for crowd, thresholds in ((True, collector.CROWDED), (False, collector.QUIET)):
    collector.expect(crowd=crowd)
    assert gc.get_threshold() == thresholds
"""


def test_in_a_crowd_the_young_are_looked_at_less_often() -> None:
    subprocess.run([sys.executable, "-c", CROWD], check=True)
