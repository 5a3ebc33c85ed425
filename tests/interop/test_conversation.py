"""What instances really say to each other is documented, and read by somebody else's software too."""

import copy
from collections.abc import Iterator
from typing import Any

from active_boxes import activitypub

from tests.coalitions import Instances
from tests.interop import conversation
from tests.interop.test_federation_document import EXAMPLES
from tests.interop.test_vocabulary import Lookup, understand

# Sketches are fetched here; who would rather send them may.
NEVER_SAID = {"Update fc:Sketch", "Announce fc:Sketch", "Create Note"}


class Anybody(Lookup):
    """Campaigns and organisations by their names."""

    def fetch_iri_sync(self, iri: str, **_: Any) -> dict[str, Any]:
        return {"id": iri, "type": "Group" if iri.endswith("/forest") else "Organization"}


def kind_of(said: dict[str, Any]) -> str:
    embedded = said["object"]
    return f"{said['type']} {embedded['type']}" if isinstance(embedded, dict) else said["type"]


def members_of(said: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """The names in a document and in what is embedded, but for countries and the members of contexts."""
    for name, value in said.items():
        yield (name,)
        if isinstance(value, dict) and name not in ("@context", "fc:countries"):
            yield from ((name, *inner) for inner in members_of(value))


async def test_every_activity_between_instances_is_documented_and_understood(instances: Instances) -> None:
    """A coalition's whole life: asked, refused, let in, invited, declined, counted, removed and left."""
    async with instances(3) as (org, ally, river):
        heard = await conversation.hold(org, ally, river)
    documented = {kind_of(each): each for each in EXAMPLES if "actor" in each}
    assert {kind_of(each) for each in heard} == documented.keys() - NEVER_SAID
    activitypub.use_backend(Anybody())
    for said in heard:
        assert set(members_of(said)) == set(members_of(documented[kind_of(said)]))
        if said["type"] != "Invite":
            understand(copy.deepcopy(said))
