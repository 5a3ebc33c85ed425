"""What the support was on each day is kept."""

import json
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.campaigning import history
from storage import coalitions
from storage import history as kept
from storage.history import Point
from tests.coalitions import Instances
from tests.web.joint import join, sign_at, talk


async def test_the_last_numbers_of_each_day_stay(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await sign_at(ally, 12, "IT")
        await talk(org, ally)
        await history.keep(org.instance)
        await sign_at(org, 3, "DE")
        await history.keep(org.instance)
        org.clock.advance(timedelta(days=1).total_seconds())
        await sign_at(org, 4, "DE")
        await history.keep(org.instance)

        async def points(session: AsyncSession) -> list[Point]:
            coalition = await coalitions.by_uri(session, org.urls.actor("forest"))
            assert coalition is not None
            return await kept.of(session, coalition.id)

        first, second = await org.look(points)
        assert (first.signatures, second.signatures) == (15, 19)
        assert second.day - first.day == timedelta(days=1)
        assert json.loads(second.hosts) == {org.host: 7, ally.host: 12}
