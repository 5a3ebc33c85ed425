"""What moderators decide: which testimonies are shown, who is not listened to, which waves count."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from federation import vocabulary
from storage import blocks, counts, hosts, registers, reports, testimonies


class Unknown(Exception):
    """There is nothing here by this number or name."""


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


async def block(session: AsyncSession, target: str, reason: str, *, now: datetime) -> bool:
    """Stops listening to a host and its subdomains, or to one actor; False if it was so already."""
    return await blocks.add(session, target_of(target), reason, now)


async def unblock(session: AsyncSession, target: str) -> None:
    """Listens again; raises Unknown."""
    if not await blocks.remove(session, target_of(target)):
        raise Unknown(f"{target} is not blocked.")


async def release(session: AsyncSession, host: str, *, now: datetime) -> None:
    """Lets the held endorsements of a host and its subdomains count; raises Unknown."""
    await counts.lock(session)
    await registers.release(session, await _under(session, host))
    await _recount(session, now)


async def purge(session: AsyncSession, host: str, *, now: datetime) -> int:
    """Withdraws all that came from a host and its subdomains, and recounts; raises Unknown.

    Gives the number of endorsements, shares and subscriptions withdrawn.
    """
    await counts.lock(session)
    withdrawn = await registers.withdraw_hosts(session, await _under(session, host), now)
    await _recount(session, now)
    return withdrawn


async def _under(session: AsyncSession, host: str) -> list[int]:
    found = await hosts.under(session, target_of(host))
    if not found:
        raise Unknown(f"Nothing has come from {host}.")
    return found


async def _recount(session: AsyncSession, now: datetime) -> None:
    """Sets every count that disagrees with its registers."""
    wrong = [each for each in await counts.recount(session) if not each.agrees]
    await counts.replace(session, wrong, now=now)
