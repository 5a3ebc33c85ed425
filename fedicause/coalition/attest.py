"""Documents that travel by other hands: taken for real once their author's proof is verified."""

from datetime import datetime
from typing import Any, Final

from federation import proofs, rosters, sketches, tallies
from federation.activities import Activity
from federation.httpsig import Forged, KeyFor
from federation.rosters import Roster
from federation.sketches import Sketch
from federation.tallies import Tally

Attested = Tally | Roster | Sketch
CARRIERS: Final = frozenset({"Accept", "Announce", "Update"})


async def tally(document: dict[str, Any], key_for: KeyFor, *, now: datetime) -> Tally:
    """A tally by its author's key; raises Malformed, Forged, KeyPending."""
    read = tallies.read(document, now=now)
    await _by(read.author, document, key_for, now)
    return read


async def roster(document: dict[str, Any], key_for: KeyFor, *, now: datetime) -> Roster:
    """A roster by its campaign's key; raises Malformed, Forged, KeyPending."""
    read = rosters.read(document, now=now)
    await _by(read.campaign, document, key_for, now)
    return read


async def sketch(document: dict[str, Any], key_for: KeyFor, *, now: datetime) -> Sketch:
    """A sketch by its author's key; raises Malformed, Forged, KeyPending."""
    read = sketches.read(document)
    await _by(read.author, document, key_for, now)
    return read


async def embedded(activity: Activity, key_for: KeyFor, *, now: datetime) -> Attested | None:
    """What an Update or Announce carries, or an Accept as its result; None where that is nothing signed.

    Raises Malformed, Forged, KeyPending.
    """
    carried = activity.document.get("result") if activity.type == "Accept" else activity.object
    if activity.type not in CARRIERS or not isinstance(carried, dict):
        return None
    match carried.get("type"):
        case "fc:Tally":
            return await tally(carried, key_for, now=now)
        case "fc:Sketch":
            return await sketch(carried, key_for, now=now)
        case "Collection" if "fc:version" in carried:
            return await roster(carried, key_for, now=now)
    return None


async def _by(author: str, document: dict[str, Any], key_for: KeyFor, now: datetime) -> None:
    if await proofs.verify(document, key_for, now=now) != author:
        raise Forged("proof by somebody else")
