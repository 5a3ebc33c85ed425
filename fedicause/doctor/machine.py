"""Whether the machine has room: disk, memory, open files; and who may read what is ours."""

import os
import shutil
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from fedicause import running
from fedicause.finding import Finding
from fedicause.settings import Settings

WRONG_BELOW: Final = 200 * 1024**2
WARN_BELOW: Final = 1024**3
WARN_SHARE: Final = 0.1
LEAST_MEMORY: Final = 128 * 1024**2
LEAST_FILES: Final = 4096
BACKUP_EVERY: Final = timedelta(days=2)
ROOM: Final = "make room: `du -xh --max-depth=2 /`, old backups, `journalctl --vacuum-size=200M`"


def look(settings: Settings, *, proc: Path, now: datetime) -> list[Finding]:
    """Of this machine alone; nothing is asked for over a network."""
    return [
        *_disks(settings),
        *_readers(settings),
        *_memory(proc),
        *_servers(settings, proc),
        _backup(settings, now),
    ]


def _disks(settings: Settings) -> list[Finding]:
    """One finding a file system: data and database may share one."""
    places = {"disk": settings.data}
    if (file := running.database_file(settings)) is not None:
        places["database disk"] = file.parent
    found, seen = [], set()
    for name, place in places.items():
        there = place
        while not there.exists():
            there = there.parent
        device = there.stat().st_dev
        if device not in seen:
            seen.add(device)
            found.append(_disk(name, place, there))
    return found


def _disk(name: str, place: Path, there: Path) -> Finding:
    usage = shutil.disk_usage(there)
    shown = f"{usage.free / 1024**3:,.1f} GB free for {place}"
    if usage.free < WRONG_BELOW:
        return Finding(name, "problem", f"{shown}: soon nothing can be recorded", ROOM)
    files = os.statvfs(there)
    if files.f_files and files.f_favail < files.f_files / 100:
        text = f"hardly any files can be made where {place} is ({files.f_favail:,} inodes are left)"
        return Finding(name, "problem", text, "delete what lies there in many small files: `df -i`")
    if usage.free < WARN_BELOW or usage.free < usage.total * WARN_SHARE:
        share = usage.free / max(usage.total, 1)
        return Finding(name, "warning", f"{shown}, {share:.0%} of the disk", ROOM)
    return Finding(name, "ok", shown)


def _readers(settings: Settings) -> list[Finding]:
    """The secret is looked at elsewhere: this is about everything else that people gave us."""
    listed = [
        settings.data,
        running.database_file(settings),
        settings.data / "mail",
        settings.data / "backups",
    ]
    open_ones, foreign = [], []
    for each in dict.fromkeys(filter(None, listed)):
        try:
            known = each.stat()
        except OSError:
            continue
        # Whoever can't enter the directory can't read what is in it.
        if stat.S_IMODE(known.st_mode) & 0o007 and not _is_shut(each.parent):
            open_ones.append(str(each))
        if not os.access(each, os.W_OK):
            foreign.append(str(each))
    if foreign:
        text = f"this user can't write to {', '.join(foreign)}"
        advice = "run this as the user that the server runs as, or give them to it: chown -R fedicause"
        return [Finding("files", "problem", text, advice)]
    if open_ones:
        text = f"other users of this machine can read {', '.join(open_ones)}"
        return [Finding("files", "warning", text, f"chmod o= {' '.join(open_ones)}")]
    return [Finding("files", "ok", "nobody else on this machine reads them")]


def _is_shut(directory: Path) -> bool:
    """Whether other users can't get past this directory or one above it."""
    return any(not stat.S_IMODE(each.stat().st_mode) & 0o001 for each in (directory, *directory.parents))


def _memory(proc: Path) -> list[Finding]:
    try:
        lines = (proc / "meminfo").read_text().splitlines()
        known = {
            name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)
        }
        free, total = known["MemAvailable"], known["MemTotal"]
    except (OSError, ValueError, KeyError, IndexError):
        return []
    shown = f"{free / 1024**2:,.0f} of {total / 1024**2:,.0f} MB can be used"
    if free < LEAST_MEMORY:
        advice = "see what uses it (`ps aux --sort -rss | head`), add a swap file, or take a larger machine"
        return [Finding("memory", "warning", shown, advice)]
    return [Finding("memory", "ok", shown)]


def _servers(settings: Settings, proc: Path) -> list[Finding]:
    """The running processes of this instance: how many, and how many files each may open."""
    found = []
    those = running.processes(settings, proc)
    if len(those) > 1:
        listed = ", ".join(sorted(each.name for each in those))
        text = f"{len(those)} processes work on one SQLite database ({listed})"
        advice = "stop all but one (`kill NUMBER`), or move to PostgreSQL: `fedicause migrate --to`"
        found.append(Finding("processes", "problem", text, advice))
    elif those:
        found.append(Finding("processes", "ok", f"one server is running ({those[0].name})"))
    for each in those:
        limit = _most_files(each)
        if limit is not None and limit < LEAST_FILES:
            text = f"the server may open {limit:,} files, one for each visitor"
            found.append(Finding("open files", "warning", text, "LimitNOFILE=65536 in its systemd unit"))
    return found


def _most_files(process: Path) -> int | None:
    try:
        for line in (process / "limits").read_text().splitlines():
            if line.startswith("Max open files"):
                return int(line.split()[3])
    except (OSError, ValueError, IndexError):
        return None
    return None


def _backup(settings: Settings, now: datetime) -> Finding:
    """By the directory that `backup` writes to unless it is told otherwise."""
    place = settings.data / "backups"
    advice = "systemctl enable --now fedicause-backup.timer, and copy what it makes to another machine"
    try:
        newest = max((each.stat().st_mtime for each in place.glob("*.tar")), default=None)
    except OSError:
        newest = None
    if newest is None:
        return Finding("backup", "warning", f"there is none in {place}", advice)
    age = now - datetime.fromtimestamp(newest, now.tzinfo)
    if age > BACKUP_EVERY:
        return Finding("backup", "warning", f"the newest in {place} is {age.days} days old", advice)
    return Finding("backup", "ok", f"the newest is {age.total_seconds() / 3600:.0f} hours old")
