"""`python -m bench.secret [PEOPLE]`: how long a new secret takes, beside sealing alone in the same run."""

import asyncio
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert, select

from bench.instance import COMMAND, Bench, free_port
from fedicause import seal
from storage.coalition_models import Coalition, Signature
from storage.database import Database
from storage.people_models import Person, Pledge

DETAILS = b'{"name": "Somebody Else", "city": "Somewhere", "postcode": "01067"}'
AT_ONCE = 20_000


async def fill(bench: Bench, number: int) -> None:
    """So many people who have each signed, as the form leaves them."""
    sealing, now = seal.load(bench.data / "secret"), datetime.now(UTC)
    database = Database(f"sqlite:///{bench.data / 'fedicause.db'}")
    async with database.writing() as session:
        coalition = Coalition(campaign_uri="https://bench.test/actors/call0")
        session.add(coalition)
        await session.flush()
        # Sealed once: reading and sealing it again takes the same as if each were another.
        details = sealing.close(DETAILS)
        for start in range(0, number, AT_ONCE):
            keys = range(start + 1, min(start + AT_ONCE, number) + 1)
            await session.execute(
                insert(Person),
                [
                    {
                        "id": key,
                        "blind": secrets.token_bytes(32),
                        "address_sealed": sealing.close(b"somebody%d@mail.example" % key),
                        "domain": "mail.example",
                        "language": "en",
                        "created_at": now,
                    }
                    for key in keys
                ],
            )
            await session.execute(
                insert(Signature),
                [
                    {
                        "id": key,
                        "coalition_id": coalition.id,
                        "item": secrets.token_bytes(32),
                        "country": "DE",
                        "state": "confirmed",
                        "asked_at": now,
                        "confirmed_at": now,
                        "serial": key,
                    }
                    for key in keys
                ],
            )
            await session.execute(
                insert(Pledge),
                [
                    {
                        "signature_id": key,
                        "person_id": key,
                        "details_sealed": details,
                        "reason_state": "pending",
                        "shown": "nothing",
                        "language": "en",
                    }
                    for key in keys
                ],
            )
    async with database.reading() as session:
        assert await session.scalar(select(Person.id).order_by(Person.id.desc()).limit(1)) == number
    await database.close()


def sealing_alone(values: int) -> float:
    """Seconds of the processor for opening and sealing so many values."""
    one, other = (seal.Seal(secrets.token_bytes(32)) for _ in range(2))
    address = one.close(b"somebody@mail.example")
    sample = min(values, 20_000)
    began = time.process_time()
    for _ in range(sample):
        other.close(one.open(address))
    return (time.process_time() - began) * values / sample


def _children() -> float:
    """Seconds of the processor that commands have used so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory) / "data", free_port())
        call = ["init", "--name", "Bench", "--handle", "bench"]
        subprocess.run([COMMAND, *call], env=bench.environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        asyncio.run(fill(bench, number))
        alone = sealing_alone(2 * number)
        print(f"{'opening and sealing alone':46}{alone:10.1f} s")
        for more in ([], ["--compromised"]):
            began, worked = time.perf_counter(), _children()
            subprocess.run([COMMAND, "secret", "rotate", *more], env=bench.environment, check=True)  # noqa: S603
            taken, used = time.perf_counter() - began, _children() - worked
            what = f"secret rotate {' '.join(more)}, {number:,} signatures"
            share = f"{used:.1f} s of the processor, {used / alone:.2f} of sealing alone"
            print(f"{what:46}{taken:10.1f} s   {share}", flush=True)


if __name__ == "__main__":
    main()
