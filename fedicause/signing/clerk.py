"""Takes forms and confirmations from the web: many share one transaction."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import meter
from fedicause.group_commit import GroupCommit
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.meter import TooMany
from fedicause.signing import pledge
from fedicause.signing.pledge import Confirmed, Outcome, Wish
from fedicause.signing.pursue import NOTHING, Said


class _Confirm(Struct, frozen=True):
    token: str
    said: Said


class _Decline(Struct, frozen=True):
    token: str
    withdraw: bool


class Clerk:
    """What is durable, when a call of it returns; raises group_commit.Overloaded when too much waits."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._commits = GroupCommit(instance.database, self._changes, meter=instance.meter, name="signing")

    async def __aenter__(self) -> "Clerk":
        await self._commits.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._commits.__aexit__(*error)

    async def ask(self, wish: Wish) -> Outcome:
        """Takes a form; see pledge.ask. Raises TooMany."""
        outcome: Outcome | TooMany = await self._commits.submit(wish)
        if isinstance(outcome, TooMany):
            raise outcome
        self._instance.hints.ring("letters")
        return outcome

    async def confirm(self, token: str, said: Said = NOTHING) -> Confirmed | None:
        """Counts the signature behind a mailed link; see pledge.confirm."""
        confirmed: Confirmed | None = await self._commits.submit(_Confirm(token, said))
        if confirmed is not None and confirmed.is_new:
            self._instance.hints.ring("tallies")
            self._instance.hints.ring("targets")
        return confirmed

    async def decline(self, token: str, *, withdraw: bool) -> bool:
        """Forgets what somebody else wrote; see pledge.decline."""
        done: bool = await self._commits.submit(_Decline(token, withdraw))
        if done and withdraw:
            self._instance.hints.ring("tallies")
        return done

    async def _changes(self, session: AsyncSession, given: Sequence[Any]) -> Sequence[Any]:
        """Forms first, then confirmations, then the rest; a result for each."""
        here = Here.at(self._instance)
        wishes = [each for each in given if isinstance(each, Wish)]
        full = await meter.take(session, [each.limits for each in wishes], here.now) if wishes else []
        taken = [wish for wish, is_full in zip(wishes, full, strict=True) if not is_full]
        asked = iter(await pledge.ask(session, here, taken) if taken else [])
        refused = iter(full)
        presses = [each for each in given if isinstance(each, _Confirm)]
        said = {each.token: each.said for each in presses}
        tokens = [each.token for each in presses]
        confirmed = iter(await pledge.confirm(session, here, tokens, said) if tokens else [])
        results: list[Any] = []
        for each in given:
            match each:
                case Wish():
                    results.append(next(refused) or next(asked))
                case _Confirm():
                    results.append(next(confirmed))
                case _Decline():
                    results.append(await pledge.decline(session, here, each.token, withdraw=each.withdraw))
        return results
