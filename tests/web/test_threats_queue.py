"""One host, however many inboxes it has and however slow they are, does not keep the others waiting."""

import asyncio

from fedicause.fediverse import deliver
from fedicause.instance import Instance
from tests import inboxes
from tests.web.test_delivery import say, until, working


async def test_a_host_that_answers_nothing_for_long_keeps_nobody_waiting(dev_instance: Instance) -> None:
    async with inboxes.listening(3) as [flood, bob, carol]:
        flood.delay = 1.8
        async with working(dev_instance):
            await say(dev_instance, "call", [flood.inbox(number) for number in range(300)])
            await until(lambda: flood.at_once)
            # By now it has taken all that one host is given.
            await asyncio.sleep(0.3)
            await say(dev_instance, "call", [bob.inbox(), carol.inbox()])
            await until(lambda: bob.received and carol.received, seconds=1)
            assert not flood.received
    assert flood.most_at_once <= deliver.IN_FLIGHT_PER_HOST
