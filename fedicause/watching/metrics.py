"""The numbers for Prometheus: of the instance once, and of each of its processes, whichever is asked."""

import platform
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fedicause import __version__
from fedicause.instance import Instance
from fedicause.watching import exposition, reporting
from fedicause.watching.exposition import Family
from fedicause.watching.meter import SECONDS
from fedicause.watching.state import State

_COUNTERS: Final = {
    "inbox": "Requests to the inboxes, by what they came to.",
    "deliveries": "Attempts to deliver to other servers, by what they came to.",
    "letters": "Letters handed to the mail server, by what they came to.",
    "webhooks": "Calls to the organisation's own system, by what they came to.",
}
_HISTOGRAMS: Final = {
    "group_size": ("group_commit_size", "Changes that were committed together."),
    "group_wait": ("group_commit_wait_seconds", "How long the first of a group waited for its turn."),
    "group_write": ("group_commit_write_seconds", "How long a group took to be durable."),
    "loop_lag": ("event_loop_lag_seconds", "How late the event loop was, asked twice a second."),
}
_USAGE: Final = {
    "memory": ("resident_memory_bytes", "gauge", "Memory in use."),
    "cpu": ("cpu_seconds_total", "counter", "Processor time used."),
    "files": ("open_files", "gauge", "Open files and connections."),
    "connections": ("database_connections", "gauge", "Connections to the database in use."),
    "most_connections": ("database_connections_limit", "gauge", "Connections to the database at most."),
}


def render(instance: Instance, state: State | None) -> str:
    """All of it; without a state, for the database is down, only what this process knows by itself."""
    meter = instance.meter
    own = {meter.name: (meter.role, meter.started_at.timestamp(), reporting.report(instance))}
    others = {
        each.name: (each.role, each.started_at.timestamp(), each.report)
        # The older first: of two with one name the newer stays, and of those our own.
        for each in reversed(state.processes if state else ())
        if each.is_alive and each.id != meter.id
    }
    up = Family("fedicause_up", "gauge", "Whether the database answers.").add(state is not None)
    build = Family("fedicause_build_info", "gauge", "What runs here.").add(
        1, version=__version__, python=platform.python_version(), database=instance.database.dialect
    )
    families = [up, build, *(_instance(state) if state else ()), *_processes(others | own)]
    return exposition.render(families)


def _instance(state: State) -> Iterable[Family]:
    waiting = Family("fedicause_queue_waiting", "gauge", "What waits, whenever it is due.")
    due = Family("fedicause_queue_due", "gauge", "What could go now.")
    age = Family("fedicause_queue_oldest_seconds", "gauge", "For how long the oldest has been waiting.")
    overdue = Family("fedicause_queue_overdue_seconds", "gauge", "For how long the first has been due.")
    for name, each in state.queues.items():
        waiting.add(each.waiting, queue=name)
        due.add(each.due, queue=name)
        age.add((state.now - each.since).total_seconds() if each.since else 0, queue=name)
        late = (state.now - each.next_at).total_seconds() if each.next_at else 0
        overdue.add(max(late, 0), queue=name)
    dead = Family("fedicause_deliveries_dead", "gauge", "Deliveries given up within a week.")
    paused = Family("fedicause_hosts_paused", "gauge", "Servers that are left alone for a while.")
    endorsements = Family("fedicause_endorsements", "gauge", "Endorsements of a published campaign.")
    signatures = Family("fedicause_signatures", "gauge", "Signatures collected here for a campaign.")
    for slug, (endorsed, signed) in state.campaigns.items():
        endorsements.add(endorsed, campaign=slug)
        signatures.add(signed, campaign=slug)
    backup = Family("fedicause_backup_timestamp_seconds", "gauge", "When the last backup was made.")
    if state.backup_at is not None:
        backup.add(state.backup_at.timestamp())
    return (
        *(waiting, due, age, overdue, dead.add(state.given_up), paused.add(state.hosts_paused)),
        *(endorsements, signatures, backup),
        Family("fedicause_disk_free_bytes", "gauge", "Room where the data is.").add(state.disk_free),
        Family("fedicause_disk_bytes", "gauge", "Size of the disk where the data is.").add(state.disk_total),
        Family("fedicause_database_bytes", "gauge", "Size of the database.").add(state.database_bytes),
    )


def _processes(reports: Mapping[str, tuple[str, float, Mapping[str, Any]]]) -> Iterable[Family]:
    started = Family("fedicause_start_time_seconds", "gauge", "When the process began.")
    requests = Family("fedicause_requests_total", "counter", "Answers, by method, address and status.")
    took = Family("fedicause_request_seconds", "histogram", "How long answers took.")
    counters = {name: Family(f"fedicause_{name}_total", "counter", help) for name, help in _COUNTERS.items()}
    histograms = {
        key: Family(f"fedicause_{name}", "histogram", help) for key, (name, help) in _HISTOGRAMS.items()
    }
    usage = {
        key: Family(f"fedicause_{name}", "counter" if kind == "counter" else "gauge", help)
        for key, (name, kind, help) in _USAGE.items()
    }
    for process, (role, since, report) in reports.items():
        started.add(since, process=process, role=role)
        for method, route, statuses, numbers, total in report["requests"]:
            for status, number in statuses.items():
                requests.add(number, process=process, method=method, route=route, status=status)
            took.add_histogram(SECONDS, numbers, total, process=process, method=method, route=route)
        # A process of another version, during an upgrade, may know others.
        for name, outcome, number in report["counters"]:
            if name in counters:
                counters[name].add(number, process=process, outcome=outcome)
        for name, of, bounds, numbers, total in report["histograms"]:
            if name in histograms:
                labels = {"process": process} | ({"of": of} if of else {})
                histograms[name].add_histogram(bounds, numbers, total, **labels)
        for name, value in report["usage"].items():
            if name in usage:
                usage[name].add(value, process=process)
    return (started, requests, took, *counters.values(), *histograms.values(), *usage.values())
