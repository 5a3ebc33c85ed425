"""Sends inputs over many connections, several at a time on each, and notes what comes back."""

import asyncio
import re
import sys
from collections import Counter, deque
from pathlib import Path
from typing import Any, Final

from bench.fuzzing.inputs import Input, Inputs

CONNECTIONS: Final = 24
PIPELINED: Final = 6
ANSWERED_WITHIN: Final = 30.0
# For which an answer to what may be no whole request is waited for, before its sender says that this was all.
_PATIENCE: Final = 0.3


class Answers:
    """What came back: statuses by kind of input, and the inputs that made us fail."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.by_kind: Counter[str] = Counter()
        self.failures: dict[str, str] = {}
        self.hung = 0

    def take(self, one: Input, status: str, head: bytes) -> None:
        self.statuses[status] += 1
        kind = one.kind.split()[0]
        self.by_kind[f"{kind} {status}"] += 1
        is_failure = status.startswith("5") and not (status == "503" and b"retry-after:" in head.lower())
        if is_failure and len(self.failures) < 40:
            self.failures.setdefault(f"{status} {one.kind}", repr(one.data)[:6000])


async def drive(port: int, made: Inputs, number: int, pid: int, seconds: float) -> dict[str, Any]:
    answers, left = Answers(), [number]
    memory: list[float] = []

    async def watch() -> None:
        while True:
            memory.append(_resident(pid))
            done = number - left[0]
            print(f"\r{done:>9,} inputs, {memory[-1]:,.0f} MB  ", end="", file=sys.stderr, flush=True)
            await asyncio.sleep(5)

    def stop() -> None:
        left[0] = 0

    asyncio.get_running_loop().call_later(seconds, stop)
    watching = asyncio.create_task(watch())
    await asyncio.gather(*(_connection(port, made, left, answers) for _ in range(CONNECTIONS)))
    watching.cancel()
    print(file=sys.stderr)
    return {
        "statuses": dict(sorted(answers.statuses.items())),
        "by_kind": dict(sorted(answers.by_kind.items())),
        "failures": answers.failures,
        "hung": answers.hung,
        "memory": [round(each) for each in memory],
    }


async def _connection(port: int, made: Inputs, left: list[int], answers: Answers) -> None:
    """Sends inputs as long as there are any: those that keep their frame together, the others alone."""
    waiting: deque[Input] = deque()
    while left[0] > 0 or waiting:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        try:
            while (left[0] > 0 or waiting) and await _some(reader, writer, made, left, waiting, answers):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            if waiting:
                answers.take(waiting.popleft(), "closed", b"")
        except TimeoutError:
            answers.hung += 1
            answers.take(waiting.popleft(), "hung", b"")
        finally:
            writer.close()


async def _some(  # noqa: PLR0917
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    made: Inputs,
    left: list[int],
    waiting: deque[Input],
    answers: Answers,
) -> bool:
    """Sends the next ones and takes their answers; whether the connection can be used again."""
    while len(waiting) < PIPELINED and left[0] > 0 and all(each.is_framed for each in waiting):
        left[0] -= 1
        waiting.append(made.next())
    if waiting[0].is_framed:
        batch = [each for each in waiting if each.is_framed]
        writer.write(b"".join(each.data for each in batch))
    else:
        batch = [waiting[0]]
        writer.write(batch[0].data)
    for one in batch:
        answer = asyncio.ensure_future(_answer(reader, one))
        if not one.is_framed:
            await asyncio.wait([answer], timeout=_PATIENCE)
            writer.write_eof()
        status, head, closes = await asyncio.wait_for(answer, ANSWERED_WITHIN)
        waiting.remove(one)
        answers.take(one, status, head)
        if closes or not one.is_framed:
            return False
    return True


async def _answer(reader: asyncio.StreamReader, one: Input) -> tuple[str, bytes, bool]:
    """Status and head of one answer, and whether the connection ends with it."""
    head = await reader.readuntil(b"\r\n\r\n")
    status, lower = head[9:12].decode(), head.lower()
    while status.startswith("1"):
        head = await reader.readuntil(b"\r\n\r\n")
        status, lower = head[9:12].decode(), head.lower()
    if not one.data.startswith(b"HEAD") and status not in ("204", "304"):
        length = re.search(rb"\r\ncontent-length: *(\d+)", lower)
        if length:
            await reader.readexactly(int(length[1]))
        elif b"transfer-encoding: chunked" in lower:
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                await reader.readexactly(size + 2)
            await reader.readuntil(b"\r\n")
    return status, head, b"connection: close" in lower


def _resident(pid: int) -> float:
    try:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) * 1024 / 1e6 if found else 0.0
