"""Every recorded request, replayed through the front door with the clock and the documents of its day."""

from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select

from fedicause.instance import Instance
from storage import counts, models
from storage.models import Campaign, Delivery
from storage.moderation_models import Report
from tests import signing
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse, Server
from tests.interop import recordings
from tests.interop.recordings import Recording

# What an action changes: endorsements, shares, subscriptions of the campaign, testimonies, reports.
Effect = dict[str, int]
UNLIKE, LIKE = {"endorsements": 0}, {"endorsements": 1}
EFFECTS: dict[str, dict[str, Effect]] = {
    "snac": {
        "follow": {"subscriptions": 1},
        "like": LIKE,
        "unlike": UNLIKE,
        "like_again": LIKE,
        "announce": {"shares": 1},
        "unannounce": {"shares": 0},
        "reply_while_following": {"testimonies": 1},
        "unfollow": {"subscriptions": 0},
        "follow_before_delete": {"subscriptions": 1},
        "like_before_delete": {"endorsements": 2},
        "actor_delete_undo_follow": {"subscriptions": 0},
        # It has lost its inReplyTo; what is left is that it mentions the campaign.
        "reply": {"testimonies": 2},
        "reply_delete": {"testimonies": 1},
        "unlike_again": {"endorsements": 1},
    },
    "takahe": {
        "follow": {"subscriptions": 1},
        "like": LIKE,
        "unlike": UNLIKE,
        "like_again": LIKE,
        "announce": {"shares": 1},
        "reply": {"testimonies": 1},
        "reply_delete": {"testimonies": 0},
        "block": {"endorsements": 0, "subscriptions": 0},
        "follow_again": {"subscriptions": 1},
        "unannounce": {"shares": 0},
        "unfollow": {"subscriptions": 0},
        "follow_before_delete": {"subscriptions": 1},
        "like_before_delete": LIKE,
        "flag": {"reports": 1},
        "actor_delete_3_undo_follow": {"subscriptions": 0},
        "actor_delete_4_undo_like": UNLIKE,
    },
    "wordpress": {"reply": {"testimonies": 1}, "reply_delete": {"testimonies": 0}},
    "fedify": {
        "follow": {"subscriptions": 1},
        "like": LIKE,
        "unlike": UNLIKE,
        "like_again": LIKE,
        "unlike_bare": UNLIKE,
        "announce": {"shares": 1},
        "unannounce": {"shares": 0},
        "reply": {"testimonies": 1},
        "reply_delete": {"testimonies": 0},
        "like_with_content": LIKE,
        "block": {"endorsements": 0, "subscriptions": 0},
        "flag": {"reports": 1},
        "like_before_delete": LIKE,
        "actor_delete": UNLIKE,
    },
}
EFFECTS["fedify-rfc9421"] = EFFECTS["fedify"]


class Elsewhere:
    """The recorded servers, which serve at each moment what they served then."""

    def __init__(self, fediverse: Fediverse) -> None:
        self._fediverse = fediverse
        self._servers: dict[str, Server] = {}

    async def serve(self, recording: Recording) -> None:
        for document in (recording.actor, recording.key):
            if document is not None:
                server = await self._server(document["id"])
                server.documents[signing.target(document["id"])] = document
        if recording.actor is not None and recording.actor_is_gone:
            server = await self._server(recording.actor["id"])
            server.gone.add(signing.target(recording.actor["id"]))

    async def _server(self, uri: str) -> Server:
        host = urlsplit(uri).netloc
        if host not in self._servers:
            self._servers[host] = await self._fediverse.server(host)
        return self._servers[host]


@pytest.fixture
def elsewhere(fediverse: Fediverse) -> Elsewhere:
    # The recordings have times of their own.
    fediverse.pace = 0.0
    return Elsewhere(fediverse)


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("server", recordings.SERVERS)
async def test_every_recorded_activity_is_taken_once_has_its_effect_and_is_refused_with_one_byte_changed(
    server: str, campaign: Campaign, instance: Instance, fediverse: Fediverse, elsewhere: Elsewhere
) -> None:
    clock = fediverse.clock
    expected = {"endorsements": 0, "shares": 0, "subscriptions": 0, "testimonies": 0, "reports": 0}
    actions = recordings.sent(server)
    assert EFFECTS[server].keys() <= {each.action for each in actions}
    for each in actions:
        clock.set(each.at)
        await elsewhere.serve(each)
        expected |= EFFECTS[server].get(each.action, {})
        assert (await fediverse.send(each.tampered)).status == 401, each.action
        assert (await fediverse.send(each.request)).status == 202, each.action
        assert await state(instance, campaign) == expected, each.action
        assert (await fediverse.send(each.request)).status == 401, f"{each.action}, replayed"


@pytest.mark.parametrize("server", recordings.SERVERS)
@pytest.mark.usefixtures("campaign")
async def test_everything_that_a_server_asked_for_before_it_spoke_is_answered(
    server: str, client: Client, clock: Clock, fediverse: Fediverse
) -> None:
    for request, at, status in recordings.asked(server):
        clock.set(at)
        answer = await fediverse.send(request)
        assert answer.status == status, request.url


@pytest.mark.parametrize("server", ["snac", "takahe", "fedify", "fedify-rfc9421"])
@pytest.mark.usefixtures("client", "campaign")
async def test_a_recorded_follow_is_answered_with_an_accept(
    server: str, instance: Instance, clock: Clock, fediverse: Fediverse, elsewhere: Elsewhere
) -> None:
    follow = next(each for each in recordings.sent(server) if each.action == "follow")
    clock.set(follow.at)
    await elsewhere.serve(follow)
    assert (await fediverse.send(follow.request)).status == 202
    assert follow.actor is not None
    async with instance.database.reading() as session:
        inboxes = set(await session.scalars(select(Delivery.inbox)))
    assert follow.actor["inbox"] in inboxes


async def state(instance: Instance, campaign: Campaign) -> Effect:
    """What is counted now."""
    async with instance.database.reading() as session:
        row = await counts.of(session, campaign.actor_id)
        shown = select(func.count()).select_from(models.Testimony).where(models.Testimony.state != "deleted")
        return {
            "endorsements": row.endorsements,
            "shares": row.shares,
            "subscriptions": row.subscriptions,
            "testimonies": await session.scalar(shown) or 0,
            "reports": await session.scalar(select(func.count()).select_from(Report)) or 0,
        }
