"""Six instances, a bad network, kills and an old backup: whoever can talk counts alike after three rounds."""

import asyncio
import os
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from tests.faults import alliance, network
from tests.faults.alliance import Alliance, Ally
from tests.faults.network import Network

pytestmark = pytest.mark.timeout(400)

ROUNDS: Final = 3
"""Of anti-entropy, after which everything has to be known."""
CUT: Final = (2, 5)
WHOLE: Final = (1, 2)
"""Seconds that a cut lasts before somebody is killed, and seconds before the next one."""


@dataclass
class Aftermath:
    """What the partitions, the kills and the backup have left."""

    seed: int
    differed: list[bool] = field(default_factory=list)
    """For each partition, whether its sides showed different counts in the end."""
    kills: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    """How many signatures went with the restored database."""
    restored: str = ""
    happened: Counter[str] = field(default_factory=Counter)
    rounds_without_origin: int | None = None
    rounds: int | None = None
    """After how many rounds all agreed; None: they did not."""
    held: dict[str, int] = field(default_factory=dict)
    shown: list[dict[str, Any]] = field(default_factory=list)
    evidence: list[int] = field(default_factory=list)
    epochs: dict[str, set[int]] = field(default_factory=dict)
    """Of each organisation's newest tally, as all know it."""
    failures: list[str] = field(default_factory=list)
    """What servers logged with a traceback."""


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    """`FEDICAUSE_SEED` repeats the choices of an earlier run."""
    seed = int(os.environ.get("FEDICAUSE_SEED") or random.randrange(1_000_000))
    print(f"FEDICAUSE_SEED={seed}")  # noqa: T201 - pytest shows it of a failure
    return asyncio.run(_suffer(tmp_path_factory.mktemp("alliance"), seed))


def test_it_was_as_bad_as_it_was_meant_to_be(aftermath: Aftermath) -> None:
    assert aftermath.differed == [True, True, True]
    assert set(aftermath.kills.values()) == {1}
    assert len(aftermath.kills) == len(aftermath.shown)
    assert aftermath.lost > 0
    assert aftermath.happened.keys() >= {*network.FATES, "cut", "nobody there"}


def test_partners_agree_without_the_origin(aftermath: Aftermath) -> None:
    assert aftermath.rounds_without_origin is not None


def test_all_agree_within_three_rounds(aftermath: Aftermath) -> None:
    assert aftermath.rounds is not None


def test_the_total_is_the_sum_of_what_each_has_collected(aftermath: Aftermath) -> None:
    for shown in aftermath.shown:
        assert shown["total"] == sum(shown["countries"].values()) == sum(aftermath.held.values())
        assert alliance.by_host(shown) == aftermath.held


def test_whose_database_was_restored_is_no_liar(aftermath: Aftermath) -> None:
    assert aftermath.evidence == [0] * len(aftermath.shown)
    for shown in aftermath.shown:
        assert Counter(each["state"] for each in shown["hosts"]) == {"origin": 1, "partner": 5}


def test_whose_database_was_restored_speaks_in_a_new_epoch(aftermath: Aftermath) -> None:
    assert all(len(known) == 1 for known in aftermath.epochs.values())
    assert min(aftermath.epochs[aftermath.restored]) > 1


def test_no_server_failed_at_what_it_did(aftermath: Aftermath) -> None:
    assert aftermath.failures == []


async def _suffer(directory: Path, seed: int) -> Aftermath:
    chance = random.Random(seed)
    aftermath = Aftermath(seed)
    async with (
        Network(chance) as between,
        alliance.formed(directory, between, chance) as allied,
        asyncio.TaskGroup() as group,
    ):
        allied.signing.update(allied.allies)
        group.create_task(allied.live(), name="people")
        await _have_bad_days(allied, aftermath, directory / "backup.db", chance)
        await allied.stop_signing(allied.allies)
        allied.end()
        between.is_rough = False
        between.heal()
        aftermath.rounds = await allied.agree(allied.allies, ROUNDS)
        aftermath.happened = between.happened
        aftermath.shown = await allied.supports(allied.allies)
        for ally in allied.allies:
            aftermath.held[ally.host] = ally.held()
            aftermath.evidence.append(ally.ask("SELECT count(*) FROM evidence"))
            aftermath.epochs[ally.host] = _epochs(allied, ally)
            aftermath.failures += re.findall(r"Traceback.*\n(?: .*\n)*(.*)", ally.log)
    return aftermath


async def _have_bad_days(allied: Alliance, aftermath: Aftermath, backup: Path, chance: random.Random) -> None:
    """Three partitions, with two kills in each; in the second one a database is replaced by its backup."""
    victims = chance.sample(allied.allies, 6)
    restored = chance.choice(allied.allies)
    aftermath.restored = restored.host
    halves = chance.sample(allied.allies, 6)
    sides = [halves[:3], chance.sample(allied.partners, 2), [allied.origin]]
    for number, side in enumerate(sides):
        allied.network.is_rough = True
        if number == 0:
            restored.back_up(backup)
        allied.network.part(
            [ally.address for ally in side], [ally.address for ally in allied.allies if ally not in side]
        )
        now_killed = victims[2 * number : 2 * number + 2]
        await asyncio.gather(*(allied.kill(victim, after=chance.uniform(*CUT)) for victim in now_killed))
        aftermath.kills.update(victim.host for victim in now_killed)
        if number == 1:
            aftermath.lost = await allied.lose_everything_since(restored, backup)
        if side == [allied.origin]:
            aftermath.rounds_without_origin = await _agree_without_origin(allied)
        shown = await allied.supports(allied.allies)
        aftermath.differed.append(len({each["total"] for each in shown}) > 1)
        allied.network.heal()
        await asyncio.sleep(chance.uniform(*WHOLE))


async def _agree_without_origin(allied: Alliance) -> int | None:
    """The partners know each other's tallies, while the origin collects and nobody hears of it."""
    await allied.stop_signing(allied.partners)
    allied.network.is_rough = False
    rounds = await allied.agree(allied.partners, ROUNDS)
    allied.network.is_rough = True
    allied.signing.update(allied.partners)
    return rounds


def _epochs(allied: Alliance, author: Ally) -> set[int]:
    question = "SELECT coalesce(max(epoch), 0) FROM tallies WHERE author_uri LIKE ?"
    return {int(ally.ask(question, f"{author.address}/%")) for ally in allied.allies}
