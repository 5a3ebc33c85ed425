"""Lists of hosts that are not listened to, as Mastodon and others write them (CSV), in and out."""

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct, field
from sqlalchemy.ext.asyncio import AsyncSession

from federation import vocabulary
from federation.vocabulary import Malformed
from fedicause.here import Here
from storage import blocks, followings, members
from storage.models import Block

HEADER: Final = ("#domain", "#severity", "#reject_media", "#reject_reports", "#public_comment", "#obfuscate")
MOST: Final = 50_000
"""Lines that are looked at."""
LONGEST_REASON: Final = 500
_DOMAIN: Final = ("domain", "host", "hostname", "instance")
_REASON: Final = ("public_comment", "private_comment", "comment", "reason")
_SEVERITIES: Final = ("suspend", "silence", "limit", "noop", "none")
# What a spreadsheet would take for a formula (CWE-1236).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Entry(Struct, frozen=True):
    """A line of a list: a host in A-labels."""

    host: str
    severity: str = "suspend"
    reason: str = ""


class Plan(Struct, frozen=True):
    """What a list would change. `known` hosts are blocked already, they or a domain above them.

    `milder` ones are only silenced by whoever wrote the list; `close` ones are those of partners and of whom
    we follow; `unreadable` lines name no host.
    """

    new: Sequence[Entry] = ()
    known: int = 0
    milder: Sequence[Entry] = ()
    close: Sequence[Entry] = ()
    unreadable: Sequence[str] = ()

    def chosen(self, *, milder: bool, close: bool) -> dict[str, str]:
        """Reasons by host: the new ones, and more where that is wanted."""
        taken = [*self.new, *(self.milder if milder else ()), *(self.close if close else ())]
        return {entry.host: entry.reason for entry in taken}


class _Read(Struct):
    entries: dict[str, Entry] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)


def host_in(written: str) -> str:
    """The host that a line of a list names; raises Malformed, for a whole top-level domain too."""
    host = vocabulary.host_of(f"https://{written.strip().removeprefix('*.').removesuffix('.')}")
    if "." not in host.partition(":")[0].strip("[]") and not host.startswith("["):
        raise Malformed("that would be a whole top-level domain")
    return host


async def plan(session: AsyncSession, here: Here, text: str) -> Plan:
    """What this list would change."""
    listed = _read(text)
    targets = await blocks.targets(session)
    near = await _near(session)
    own = vocabulary.host_of(here.urls.base)
    new, milder, close, known = [], [], [], 0
    for entry in listed.entries.values():
        if _is_covered(own, {entry.host}):
            listed.unreadable.append(entry.host)
        elif _is_covered(entry.host, targets):
            known += 1
        elif any(_is_covered(host, {entry.host}) for host in near):
            close.append(entry)
        elif entry.severity == "suspend":
            new.append(entry)
        else:
            milder.append(entry)
    return Plan(new, known, milder, close, listed.unreadable)


async def take(session: AsyncSession, here: Here, reasons: Mapping[str, str]) -> int:
    """Blocks these hosts, with their reasons; returns how many are new."""
    own = vocabulary.host_of(here.urls.base)
    chosen = {
        host_in(host): reason[:LONGEST_REASON]
        for host, reason in reasons.items()
        if not _is_covered(own, {host_in(host)})
    }
    return await blocks.add_many(session, chosen, here.now)


def written(listed: Iterable[Block], *, reasons: bool) -> str:
    """The blocked hosts as a list for others, with or without our reasons. Actors have no place in it."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADER)
    for block in listed:
        if not block.target.startswith(("https://", "http://")):
            reason = _harmless(block.reason) if reasons else ""
            rows.writerow([block.target, "suspend", "false", "false", reason, "false"])
    return text.getvalue()


def _read(text: str) -> _Read:
    """The lines of a list: with a header, or a host in the first column."""
    found = _Read()
    columns: Mapping[str, int] = {"domain": 0, "severity": 1}
    lines = text.removeprefix("\ufeff").replace("\0", "").splitlines()[: MOST + 1]
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            names = [cell.lstrip("# ").lower() for cell in cells]
            if any(name in names for name in _DOMAIN):
                columns = _columns(names)
            elif not cells[0].startswith("#"):
                _add(found, cells, columns)
    except csv.Error as error:
        found.unreadable.append(str(error))
    return found


def _columns(names: Sequence[str]) -> dict[str, int]:
    columns = {"domain": next(index for index, name in enumerate(names) if name in _DOMAIN)}
    if "severity" in names:
        columns["severity"] = names.index("severity")
    reason = next((name for name in _REASON if name in names), None)
    if reason is not None:
        columns["reason"] = names.index(reason)
    return columns


def _add(found: _Read, cells: Sequence[str], columns: Mapping[str, int]) -> None:
    def cell(name: str) -> str:
        index = columns.get(name, len(cells))
        return cells[index] if index < len(cells) else ""

    try:
        host = host_in(cell("domain"))
    except Malformed:
        # Some lists hide the names of hosts behind stars.
        found.unreadable.append(cell("domain")[:100])
        return
    severity = cell("severity").lower()
    if severity not in _SEVERITIES:
        severity = "suspend"
    reason = cell("reason")
    if reason[:1] == "'" and reason[1:2] in _FORMULA:
        reason = reason[1:]
    found.entries.setdefault(host, Entry(host, severity, reason[:LONGEST_REASON]))


async def _near(session: AsyncSession) -> set[str]:
    """The hosts of partners, and of whom we follow."""
    partners = {member.host for member, _ in await members.listed(session) if member.state == "accepted"}
    return partners | {each.host for each in await followings.listed(session)}


def _is_covered(host: str, targets: Collection[str]) -> bool:
    return blocks.covers(frozenset(targets), "", host)


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
