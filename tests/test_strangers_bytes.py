"""Whatever bytes a stranger sends, each reader takes them or says why not, and soon."""

import json
import random
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.fuzzing import mutate, seeds, targets

RECORDED = [json.dumps(each) for each in seeds.recorded()]
BENT = 150
SLOW = 0.5
"""Seconds of the processor for one input: a thousand times what any of them takes."""


def seed_of(name: str, chance: random.Random) -> bytes:
    """Something that this reader takes, or nearly."""
    return targets.SEEDS.get(name) or chance.choice(RECORDED).encode()


def seconds_for(name: str, data: bytes) -> float:
    begun = time.process_time()
    targets.takes(name, data)
    return time.process_time() - begun


@pytest.mark.parametrize("name", targets.TARGETS)
def test_bent_input_is_taken_or_refused(name: str) -> None:
    chance = random.Random(name)
    for _ in range(BENT):
        data = seed_of(name, chance)
        if data.startswith(b"{") and chance.random() < 0.8:
            data = json.dumps(mutate.document(chance, json.loads(data), RECORDED)).encode()
        else:
            data = mutate.raw(chance, data)
        # Once the collector may have come by, or something have been loaded.
        assert seconds_for(name, data) < SLOW or seconds_for(name, data) < SLOW, data[:300]


@pytest.mark.parametrize("name", targets.TARGETS)
@given(data=st.one_of(st.binary(max_size=300), st.text(max_size=100).map(str.encode)))
@settings(max_examples=60, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_bytes_are_taken_or_refused(name: str, data: bytes) -> None:
    targets.takes(name, data)


def test_the_seeds_are_taken() -> None:
    """Else nothing behind the first check would be tried."""
    chance = random.Random(0)
    refused = {name for name in targets.SEEDS if not targets.takes(name, seed_of(name, chance))}
    assert refused == set()
    assert sum(targets.takes("activity", each.encode()) for each in RECORDED) > len(RECORDED) / 2
