"""What the instance holds in the end, against the books of those who told it."""

import json
import statistics
from collections import Counter
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from bench.soak.caller import Caller
from bench.soak.faults import Faults
from bench.soak.peers import Peers, Post
from bench.soak.people import People
from bench.soak.site import SLUG, Site
from bench.soak.visitors import Visitors, shown
from storage.coalition_models import Signature
from storage.database import Database
from storage.models import Actor, Delivery, LocalActor, ParkedRequest, Register, Testimony
from storage.people_models import Letter

KINDS: Final = ("endorsement", "subscription")
LATE: Final = 3.0
"""Seconds after the database answers again in which its absence may still be told to somebody."""
WARM_AFTER: Final = 180.0
"""Seconds of the longest life after which memory is looked at, and for which it must have lasted since."""
MOST_GROWTH: Final = 1.0
"""Megabytes a minute."""


@dataclass(frozen=True)
class Finding:
    what: str
    value: str
    is_right: bool


@dataclass
class Held:
    """The rows that matter."""

    registers: dict[tuple[str, str], bool]
    rows: int
    testimonies: Counter[str]
    signatures: int
    undelivered: int
    parked: int
    letters: int

    @property
    def endorsers(self) -> int:
        return sum(present for (_, kind), present in self.registers.items() if kind == "endorsement")

    @property
    def is_settled(self) -> bool:
        return not self.undelivered and not self.parked and not self.letters


async def look(site: Site) -> Held:
    database = Database(site.database)
    try:
        async with database.reading() as session:
            rows = (
                await session.execute(
                    select(Actor.uri, Register.kind, Register.present)
                    .join(Actor, Actor.id == Register.actor_id)
                    .join(LocalActor, LocalActor.id == Register.subject_id)
                    .where(LocalActor.name == SLUG)
                )
            ).all()
            number = func.count()
            return Held(
                {(uri, kind): present for uri, kind, present in rows},
                len(rows),
                Counter(await session.scalars(select(Testimony.note_uri))),
                await session.scalar(select(number).where(Signature.state == "confirmed")) or 0,
                await session.scalar(select(number).where(Delivery.ended_at.is_(None))) or 0,
                await session.scalar(select(number).select_from(ParkedRequest)) or 0,
                await session.scalar(select(number).where(Letter.ended_at.is_(None))) or 0,
            )
    finally:
        await database.close()


async def findings(site: Site, people: People, visitors: Visitors, faults: Faults) -> list[Finding]:
    """Everything that was promised, and whether it is so."""
    caller, peers, post = visitors.caller, faults.peers, visitors.post
    held, support = await look(site), await shown(caller)
    disturbed = len(faults.times)
    status, printed = await site.command("doctor", "--json")
    return [
        *_words(held, people),
        *_signatures(held, visitors, post, disturbed),
        *_deliveries(people, visitors, peers, disturbed),
        Finding(
            "endorsements shown", f"{support['endorsements']:,}", support["endorsements"] == held.endorsers
        ),
        Finding("signatures shown", f"{support['signatures']:,}", support["signatures"] == held.signatures),
        _doctor(status, printed),
        Finding("left in the queues", f"{held.undelivered}+{held.parked}+{held.letters}", held.is_settled),
        *_answers(site, people, visitors, caller),
        *_memory(site),
        _logs(site),
    ]


def _words(held: Held, people: People) -> list[Finding]:
    said = [word for person in people.everybody for word in person.words]
    wrong = [
        (person.uri, kind)
        for person in people.everybody
        for kind in KINDS
        if held.registers.get((person.uri, kind), False) not in person.may_be(kind)
    ]
    replies = {word.kind for word in said if word.kind not in KINDS}
    answered = {word.kind for word in said if word.kind not in KINDS and word.is_answered}
    lost = answered - held.testimonies.keys()
    foreign = held.testimonies.keys() - replies
    twice = [uri for uri, times in held.testimonies.items() if times > 1]
    number = sum(word.is_answered for word in said)
    return [
        Finding(f"of {number:,} words taken, not as last said", f"{len(wrong)}", not wrong),
        Finding("registers twice", f"{held.rows - len(held.registers)}", held.rows == len(held.registers)),
        Finding(
            f"of {len(answered):,} replies, lost, strange or twice",
            f"{len(lost)}+{len(foreign)}+{len(twice)}",
            not lost and not foreign and not twice,
        ),
    ]


def _signatures(held: Held, visitors: Visitors, post: Post, disturbed: int) -> list[Finding]:
    taken = [each for each in visitors.signers if each.is_taken]
    confirmed = sum(each.is_confirmed for each in visitors.signers)
    perhaps = sum(each.confirmations > 0 for each in visitors.signers)
    unwritten = [each.address for each in taken if each.address not in post.letters]
    often = sum(times - 1 for letters in post.letters.values() for times in letters.values() if times > 1)
    return [
        Finding(f"of {len(taken):,} forms taken, without a letter", f"{len(unwritten)}", not unwritten),
        Finding("letters that came again", f"{often}", often <= 4 * disturbed),
        Finding(
            f"confirmed: between {confirmed:,} and {perhaps:,}; held",
            f"{held.signatures:,}",
            confirmed <= held.signatures <= perhaps,
        ),
    ]


def _deliveries(people: People, visitors: Visitors, peers: Peers, disturbed: int) -> list[Finding]:
    wanted = set(visitors.posted)
    unheard = sum(len(wanted - peers.notes[each.inbox]) for each in people.listeners)
    follows = {
        word.activity["id"]
        for person in people.everybody
        for word in person.words
        if word.is_answered and word.activity["type"] == "Follow"
    }
    often = {key: times for key, times in peers.taken.items() if times > 1}
    again = sum(times - 1 for times in often.values())
    return [
        Finding(
            f"of {len(wanted)} posts to {len(people.listeners)} inboxes, unheard", f"{unheard}", not unheard
        ),
        Finding(
            f"of {len(follows):,} follows, not accepted",
            f"{len(follows - peers.accepted)}",
            follows <= peers.accepted,
        ),
        Finding(
            f"of {sum(peers.taken.values()):,} deliveries, again",
            f"{again}",
            # A process has no more under way than that; and nothing comes more than once more for each fault.
            again <= 96 * disturbed and max(often.values(), default=0) <= 1 + disturbed,
        ),
    ]


def _doctor(status: int, printed: str) -> Finding:
    try:
        problems = [each["text"] for each in json.loads(printed)["checks"] if each["state"] == "problem"]
    except (ValueError, KeyError):
        return Finding("doctor", f"status {status}: {printed[:120]}", is_right=False)
    return Finding("problems that the doctor finds", "; ".join(problems)[:160] or "0", not problems)


def _answers(site: Site, people: People, visitors: Visitors, caller: Caller) -> list[Finding]:
    outside = [
        (what, status)
        for at, what, status in caller.failures
        if not any(began <= at <= ended + LATE for began, ended in site.windows)
    ]
    strange = Counter((what, status) for what, status, _ in [*people.unexpected, *visitors.unexpected])
    by_status = Counter[str]()
    for (_, status), number in caller.answers.items():
        by_status[str(status or "none")] += number
    down = sum(ended - began for began, ended in site.windows)
    return [
        Finding("answers", " ".join(f"{name}:{n:,}" for name, n in sorted(by_status.items())), is_right=True),
        Finding("database down, seconds", f"{down:.0f}", is_right=True),
        Finding("5xx while the database was down", f"{len(caller.failures) - len(outside)}", is_right=True),
        Finding("5xx otherwise", f"{len(outside)} {dict(Counter(outside)) or ''}", not outside),
        Finding("answers that nobody expects", f"{dict(strange) or 0}", not strange),
        Finding(
            "slowest answer, seconds",
            " ".join(f"{what}:{slowest:.1f}" for what, slowest in sorted(caller.slowest.items())),
            is_right=True,
        ),
    ]


def _memory(site: Site) -> list[Finding]:
    """Of every process that lived long enough how fast it grew, and its size minute by minute."""
    found = []
    judged: dict[str, bool] = {}
    for each in site.processes:
        most = max((size for life in each.lives for _, size in life), default=0.0)
        longest = max(each.lives, key=lambda life: life[-1][0] - life[0][0] if life else 0.0, default=[])
        warm = [(at, size) for at, size in longest if at - longest[0][0] >= WARM_AFTER]
        growth = None
        if len(warm) >= 3 and warm[-1][0] - warm[0][0] >= WARM_AFTER:
            growth = 60 * statistics.linear_regression(*zip(*warm, strict=True)).slope
        role = each.name.split()[0]
        judged[role] = judged.get(role, False) or growth is not None
        shown_as = "too short a life" if growth is None else f"{growth:+.2f} MB/min"
        minutes = {int((at - longest[0][0]) // 60): f"{size:.0f}" for at, size in longest}
        found.append(
            Finding(
                f"memory of {each.name}",
                f"{shown_as} ({' '.join(minutes.values())}), {most:.0f} MB at most, {len(each.lives)} lives",
                growth is None or growth <= MOST_GROWTH,
            )
        )
    unjudged = [role for role, is_judged in judged.items() if not is_judged]
    return [*found, Finding("memory judged of none", ", ".join(unjudged) or "0", not unjudged)]


def _logs(site: Site) -> Finding:
    """Tracebacks are for what nobody thought of."""
    found: Counter[str] = Counter()
    for each in site.processes:
        lines = (site.data / f"{each.name}.log").read_text(errors="replace").splitlines()
        found.update(" ".join(line.split()[2:])[:90] for line in lines if " ERROR " in line)
    ends = [status for each in site.processes for status in each.ends]
    return Finding("errors in the logs, ends", f"{dict(found) or 0} {ends or ''}", not found and not ends)
