"""A bad day: servers that do not answer, each in its way, letters nobody takes, slow pages, a dead worker."""

import json
from datetime import timedelta

from fedicause import mail
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.watching import reporting
from fedicause.watching.meter import Meter
from storage import claims, hosts, landmarks, letters, outcomes, processes
from storage.hosts import Failure
from tests import correspondence
from tests.web.test_delivery import say

HOUR = timedelta(hours=1)
CAUSES = {
    "lost.example": (
        "dns",
        "Cannot connect to host lost.example:443 ssl:default [Name or service not known]",
    ),
    "expired.example": ("tls", "certificate verify failed: certificate has expired"),
    "sleepy.example": ("timeout", "TimeoutError"),
    "closed.example": ("refused", "Cannot connect to host closed.example:443 [Connect call failed]"),
    "broken.example": ("502", "answered 502"),
    "strange.example": ("garbled", "not HTTP as we speak it: ClientResponseError"),
}


async def fill(instance: Instance) -> None:
    """Something of everything that the page shows."""
    now = instance.now()
    for number in range(3):
        await say(instance, f"news {number}", [f"https://{host}/inbox/{number}" for host in CAUSES])
    await say(instance, "call", ["https://busy.example/inbox", "https://gone.example/inbox"])
    async with instance.database.writing() as session:
        await hosts.ensure(session, [*CAUSES, "busy.example"], now)
        for age, (host, (why, error)) in enumerate(CAUSES.items(), start=1):
            failure = Failure(host, 4 + age, now + age * timedelta(minutes=9), error, why)
            await hosts.put_failures(session, [failure], now - age * 7 * HOUR)
        await hosts.pause(session, {"busy.example": now + timedelta(minutes=20)})
        await claims.arm(session, now)
        claimed = await claims.claim(
            session, now=now, lease_until=now + HOUR, limit=50, per_host=8, failing_at=5, in_hand={}
        )
        gone = [each for each in claimed if each.host == "gone.example"]
        ends = [outcomes.End(each, 1, 410, "answered 410", is_inbox=True) for each in gone]
        await outcomes.settle(session, delivered=[], retries=[], ends=ends, now=now)
        await landmarks.put(session, landmarks.BACKUP, now - 80 * HOUR)
    await _letters(instance)
    await _processes(instance)


async def _letters(instance: Instance) -> None:
    now = instance.now()
    words = correspondence.composed()
    async with instance.database.writing() as session:
        drafts = [
            mail.Draft("confirm", f"{name}@{domain}", words)
            for name, domain in (("ann", "mail.example"), ("bob", "post.example"), ("eve", "trash.example"))
        ]
        await mail.queue_many(session, Here.at(instance), drafts)
        claimed = await letters.claim(session, now=now, lease_until=now + HOUR, limit=10)
        down = "connection to mail.ours.test refused"
        await letters.settle(
            session,
            ends=[letters.End(claimed[2], "refused", "550 5.1.1 no such user here")],
            retries=[letters.Retry(each, now + timedelta(minutes=4), down) for each in claimed[:2]],
            now=now,
        )


async def _processes(instance: Instance) -> None:
    now = instance.now()
    for name, role, age, has_ended in (
        ("web1:812", "serve", timedelta(seconds=5), False),
        ("web1:640", "serve", 3 * HOUR, True),
        ("work2:77", "work", HOUR, False),
    ):
        meter = Meter()
        meter.slow(
            "GET", f"/campaigns/{{slug}}/{role}", 200, 1.834, number="6f1a2b3c4d5e6f70", at=now - 2 * HOUR
        )
        async with instance.database.writing() as session:
            await processes.put(
                session,
                id=meter.id,
                role=role,
                name=name,
                version="0.1.0",
                started_at=now - 30 * HOUR,
                report=json.dumps(meter.report() | {"usage": {"memory": 91_000_000, "cpu": 12.5}}),
                now=now - age,
                has_ended=has_ended,
            )
    assert reporting.GONE_AFTER < HOUR
