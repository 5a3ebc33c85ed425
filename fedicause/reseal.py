"""Seals everything with a new secret, in steps that can be repeated."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import sketches
from fedicause import seal
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.seal import Seal, WrongSecret
from fedicause.signing import answer
from storage import sealed
from storage.sealed import Sealed

AT_ONCE: Final = 10_000
"""Rows in one transaction."""
Result = TypeVar("Result")
Row = dict[str, Any]


class Renewed(Struct, frozen=True):
    """How many rows there are, and in how many values neither secret opens."""

    rows: int
    unreadable: int


class Change(Protocol):
    """Does the work in one transaction."""

    def __call__(self, work: Callable[[AsyncSession], Awaitable[Result]], /) -> Awaitable[Result]: ...


async def everything(
    instance: Instance,
    change: Change,
    *,
    told: Callable[[int, int], None],
    at_once: int = AT_ONCE,
) -> Renewed:
    """Seals every row anew that the former secret sealed.

    The server must not run: it would seal with the secret that it has read. `told` hears how many rows are
    done, and of how many. Interrupted, it can be begun again.
    """
    path = instance.settings.secret_file
    async with instance.database.reading() as session:
        total = await sealed.number(session)
    done = unreadable = 0
    with _workers(total) as pool:
        for each in sealed.tables():
            last: Sequence[Any] | None = None
            rows: list[Row] = []
            while last is None or len(rows) == at_once:
                async with instance.database.reading() as session:
                    rows = await sealed.after(session, each, last, at_once)
                if not rows:
                    break
                renewed, closed = await _renewed(pool, path, each, rows)
                await change(partial(_write, each, renewed))
                unreadable += closed
                last = [rows[-1][name] for name in each.keys]
                done += len(rows)
                told(done, total)
    if not seal.keeps_hashes(path):
        await _hash_links(instance, change, at_once)
    return Renewed(total, unreadable)


async def _write(each: Sealed, found: list[Row], session: AsyncSession) -> None:
    blinds = {row["id"]: row.pop("blind") for row in found if "blind" in row}
    by_columns: dict[tuple[str, ...], list[Row]] = {}
    for row in found:
        by_columns.setdefault(tuple(row), []).append(row)
    for columns, rows in by_columns.items():
        if len(columns) > len(each.keys):
            await sealed.put(session, each.table, each.keys, rows)
    await sealed.put_blinds(session, blinds)


async def _renewed(pool: Executor | None, path: Path, each: Sealed, rows: list[Row]) -> tuple[list[Row], int]:
    """The columns that change, by row, with the keys; computed on every core where there is much to do."""
    work = partial(_renew, path, each.table.name, each.keys, each.columns)
    if pool is None:
        return await asyncio.to_thread(work, rows)
    loop = asyncio.get_running_loop()
    size = -(-len(rows) // (os.cpu_count() or 1))
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    done = await asyncio.gather(*(loop.run_in_executor(pool, work, part) for part in parts))
    return [row for found, _ in done for row in found], sum(closed for _, closed in done)


class _NoPool:
    """Where starting processes would take longer than the work."""

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        return


def _workers(total: int) -> Any:
    if total < 5 * AT_ONCE or (os.cpu_count() or 1) < 2:
        return _NoPool()
    return ProcessPoolExecutor(mp_context=get_context("spawn"))


def _renew(
    path: Path, table: str, keys: Sequence[str], columns: Sequence[str], rows: list[Row]
) -> tuple[list[Row], int]:
    both, keeps_hashes = seal.load(path), seal.keeps_hashes(path)
    found, unreadable = [], 0
    for row in rows:
        changed = {name: row[name] for name in keys}
        for name in columns:
            try:
                # Of who is forgotten nothing is left to be sealed.
                renewed = both.renewed(row[name]) if row[name] else None
            except WrongSecret:
                unreadable += 1
                continue
            if renewed is not None:
                changed[name] = renewed
        if table == "people" and not keeps_hashes:
            changed["blind"] = _blind(both, row["address_sealed"])
        if len(changed) > len(keys):
            found.append(changed)
    return found, unreadable


def _blind(both: Seal, address: bytes) -> bytes:
    """The keyed hash by which somebody is found again; of who left no address there is nothing to hash."""
    try:
        canonical = sketches.canonical(both.open(address).decode())
    except WrongSecret:
        return os.urandom(32)
    return both.blind("mail address", canonical.encode())


async def _hash_links(instance: Instance, change: Change, at_once: int) -> None:
    """Links of letters that were sent open nothing any more; reminders and later letters have new ones."""
    last = 0
    found: list[sealed.Linked] = []
    while last == 0 or len(found) == at_once:
        async with instance.database.reading() as session:
            found = await sealed.linked(session, last, at_once)
        if not found:
            break
        here = Here.at(instance)
        tokens = {
            each.signature_id: hashlib.sha256(
                answer.link_token(here, each.coalition_id, each.item, each.asked_at).encode()
            ).digest()
            for each in found
        }
        await change(lambda session, tokens=tokens: sealed.put_tokens(session, tokens))  # type: ignore[misc]
        last = found[-1].signature_id
    await change(sealed.forget_networks)
