"""Whether there is anything to do between partners: what does it is loaded once there is."""

from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession

from federation import lazily
from federation.httpsig import KeyFor
from fedicause.coalition import outdated
from fedicause.instance import Instance
from storage import coalitions, former_keys, local_actors, members, tallies

if TYPE_CHECKING:
    from fedicause.coalition.compare import Comparer


class Attendant:
    """Looks for the worker, and leads to a Comparer: where nobody has partners, none is ever needed."""

    def __init__(self, instance: Instance, key_for: KeyFor) -> None:
        self._instance = instance
        self._key_for = key_for
        self._keys: dict[int, int] | None = None
        self._comparer: Comparer | None = None

    async def tell(self) -> bool:
        """What Comparer.tell does, where there is anything to tell."""
        if self._comparer is None:
            async with self._instance.database.reading() as session:
                if not await self._is_anything_to_tell(session):
                    return False
        return await (await self._prepared()).tell()

    async def round(self) -> None:
        """What Comparer.round does, where there is anybody to compare with, or to be asked."""
        if self._comparer is None:
            async with self._instance.database.reading() as session:
                if not await self._is_anybody_there(session):
                    return
        await (await self._prepared()).round()

    async def _is_anything_to_tell(self, session: AsyncSession) -> bool:
        instance = self._instance
        numbers = await former_keys.numbers(session)
        if numbers != self._keys:
            found = await outdated.find(session, instance.urls)
            if found.rosters or found.tallies:
                return True
            self._keys = numbers
        own_uri = await self._own_uri(session)
        before = instance.now() - instance.settings.tally_every
        return bool(
            await coalitions.unfounded(session)
            or await coalitions.moved(session, own_uri=own_uri, before=before)
            or await tallies.not_passed_on(session, own_uri=own_uri, before=before)
        )

    async def _is_anybody_there(self, session: AsyncSession) -> bool:
        own_uri = await self._own_uri(session)
        now = self._instance.now()
        return bool(
            await coalitions.unlinked(session)
            or await members.unanswered(session, asked_before=now, actor_uri=own_uri)
            or await coalitions.to_compare(session)
        )

    async def _own_uri(self, session: AsyncSession) -> str:
        _, organisation = await local_actors.organisation(session)
        return self._instance.urls.actor(organisation.name, organisation.kind)

    async def _prepared(self) -> "Comparer":
        if self._comparer is None:
            await lazily.load("fedicause.coalition.compare")
            from fedicause.coalition.compare import Comparer  # noqa: PLC0415

            # Another of our loops may have waited for the same.
            self._comparer = self._comparer or Comparer(self._instance, self._key_for)
        return self._comparer
