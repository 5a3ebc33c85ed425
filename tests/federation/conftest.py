"""Carol's and Mallory's servers, and our door to them."""

from collections.abc import AsyncIterator

import pytest

from federation import httpsig
from federation.remote import Remote
from tests.clock import Clock
from tests.federation import peers
from tests.federation.peers import Names, Peer


@pytest.fixture
def schemes() -> dict[str, httpsig.Scheme]:
    """What is remembered of which host takes which signatures."""
    return {}


@pytest.fixture
async def remote(clock: Clock, schemes: dict[str, httpsig.Scheme]) -> AsyncIterator[Remote]:
    """The door as in dev mode; all names of the test are on loopback."""
    names = Names({name: [["127.0.0.1"]] for name in ("carol.test", "social.carol.test", "mallory.test")})
    async with Remote(
        key=peers.KEY,
        user_agent=peers.AGENT,
        allow_private=True,
        now=clock.now,
        schemes=schemes,
        resolver=names,
    ) as door:
        yield door


@pytest.fixture
async def carol() -> AsyncIterator[Peer]:
    async with Peer("carol.test") as peer:
        yield peer


@pytest.fixture
async def social() -> AsyncIterator[Peer]:
    """The server behind Carol's handles, on a host of its own."""
    async with Peer("social.carol.test") as peer:
        yield peer


@pytest.fixture
async def mallory() -> AsyncIterator[Peer]:
    async with Peer("mallory.test") as peer:
        yield peer
