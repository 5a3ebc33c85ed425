"""What moderators decide: which testimonies are shown, who is not listened to, which waves count."""

from collections.abc import Collection
from datetime import datetime
from typing import Final, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from federation import discovery, vocabulary
from federation.answers import Budget
from fedicause import sign
from fedicause.fields import NotNow
from fedicause.instance import Instance
from storage import actors, blocks, counts, hosts, reasons, registers, reports, testimonies
from storage.columns import to_milliseconds

Decision = Literal["allowed", "hidden"]
FETCHES: Final = 8
"""Requests that finding one actor may cost."""


class Unknown(NotNow):
    """There is nothing here by this number or name."""


async def decide_replies(session: AsyncSession, testimony_ids: Collection[int], decision: Decision) -> int:
    """Shows or hides testimonies; returns how many there were. Raises Unknown for none."""
    return _some(await testimonies.set_states(session, testimony_ids, decision))


async def decide_reasons(session: AsyncSession, signature_ids: Collection[int], decision: Decision) -> int:
    """Shows or hides what signers wrote; returns how many there were. Raises Unknown for none."""
    return _some(await reasons.set_state(session, signature_ids, decision))


async def handle(session: AsyncSession, report_ids: Collection[int], *, now: datetime) -> int:
    """Closes reports; returns how many were open. Raises Unknown for none."""
    return _some(await reports.handle(session, report_ids, now))


async def allow(session: AsyncSession, testimony_id: int) -> None:
    """Shows a testimony; raises Unknown."""
    if not await testimonies.set_state(session, testimony_id, "allowed"):
        raise Unknown(f"There is no testimony {testimony_id}.")


async def hide(session: AsyncSession, testimony_id: int) -> None:
    """Keeps a testimony from being shown; raises Unknown."""
    if not await testimonies.set_state(session, testimony_id, "hidden"):
        raise Unknown(f"There is no testimony {testimony_id}.")


async def handled(session: AsyncSession, report_id: int, *, now: datetime) -> None:
    """Closes a report; raises Unknown."""
    if not await reports.handled(session, report_id, now):
        raise Unknown(f"There is no open report {report_id}.")


def target_of(written: str) -> str:
    """What is blocked by these words: an actor's address, or a host (in A-labels); raises Malformed."""
    written = written.strip()
    if written.startswith(("https://", "http://")):
        host = vocabulary.host_of(written)
        return written if written.rstrip("/").count("/") > 2 else host
    return vocabulary.host_of(f"https://{written.removeprefix('*.').removeprefix('@')}")


async def find(instance: Instance, written: str) -> str:
    """What is blocked by these words: a host, or the actor whose handle or profile page it is.

    The network only, and that for actors alone. Raises Malformed, RemoteError.
    """
    written = written.strip()
    is_address = written.startswith(("https://", "http://"))
    if (is_address and target_of(written) == written) or "@" in written.removeprefix("@"):
        return await discovery.find_actor(instance.remote, written, budget=Budget(FETCHES))
    return target_of(written)


async def block(session: AsyncSession, target: str, reason: str, *, now: datetime) -> bool:
    """Stops listening to a host and its subdomains, or to one actor; False if it was so already."""
    return await blocks.add(session, target_of(target), reason, now)


async def unblock(session: AsyncSession, target: str) -> None:
    """Listens again; raises Unknown."""
    if not await blocks.remove(session, target_of(target)):
        raise Unknown(f"{target} is not blocked.")


async def unblock_all(session: AsyncSession, targets: Collection[str]) -> int:
    """Listens again to all of these; returns how many were blocked. Raises Unknown for none."""
    return _some(await blocks.remove_many(session, targets))


async def forsake(session: AsyncSession, target: str, *, now: datetime) -> int:
    """Withdraws all that came from a host or an actor, and hides what was written there.

    Gives the number of endorsements, shares and subscriptions withdrawn, and replies hidden.
    """
    await counts.lock(session, alone=True)
    if not target.startswith(("https://", "http://")):
        under = await hosts.under(session, target)
        hidden = await testimonies.hide_of(session, host_ids=under)
        return hidden + (await purge(session, target, now=now) if under else 0)
    known = (await actors.by_uris(session, [target])).get(target)
    if known is None:
        return 0
    said = [stand for stand in (await registers.of_actors(session, [known.id])).values() if stand.present]
    silence = sign.Word(known.id, known.host_id, None, False, to_milliseconds(now), None)
    await sign.hear(session, [silence], now=now, wave=None)
    return len(said) + await testimonies.hide_of(session, actor_id=known.id)


async def release(session: AsyncSession, *named: str, now: datetime) -> None:
    """Lets the held endorsements of hosts and their subdomains count; raises Unknown."""
    await counts.lock(session, alone=True)
    await registers.release(session, await _under(session, named))
    await recount(session, now=now)


async def purge(session: AsyncSession, *named: str, now: datetime) -> int:
    """Withdraws all that came from hosts and their subdomains, and recounts; raises Unknown.

    Gives the number of endorsements, shares and subscriptions withdrawn.
    """
    await counts.lock(session, alone=True)
    withdrawn = await registers.withdraw_hosts(session, await _under(session, named), now)
    await recount(session, now=now)
    return withdrawn


def _some(number: int) -> int:
    if not number:
        raise Unknown("There is nothing of this kind by these numbers.")
    return number


async def _under(session: AsyncSession, named: Collection[str]) -> list[int]:
    found: set[int] = set()
    for host in named:
        under = await hosts.under(session, target_of(host))
        if not under:
            raise Unknown(f"Nothing has come from {host}.")
        found.update(under)
    return sorted(found)


async def recount(session: AsyncSession, *, now: datetime) -> None:
    """Sets every count that disagrees with its registers."""
    wrong = [each for each in await counts.recount(session) if not each.agrees]
    await counts.replace(session, wrong, now=now)
