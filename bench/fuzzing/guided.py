"""Parsers under atheris, which keeps whatever input reaches a branch that none before it has reached.

`python -m bench.fuzzing.guided NAME SECONDS DIRECTORY` runs one; inputs that break it are left in the directory.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def everything(seconds: int) -> int:
    """Runs each parser for so long, as many at once as there are cores; how many broke."""
    from bench.fuzzing import targets  # noqa: PLC0415 - what is imported here is not instrumented

    broken = 0
    with tempfile.TemporaryDirectory(prefix="fedicause-guided-") as directory:
        waiting, running = list(targets.TARGETS), []
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                name = waiting.pop(0)
                room = Path(directory) / name
                corpus = room / "corpus"
                corpus.mkdir(parents=True)
                (corpus / "seed").write_bytes(targets.SEEDS.get(name, b""))
                if name not in targets.SEEDS:
                    _recorded(corpus)
                command = [sys.executable, "-m", "bench.fuzzing.guided", name, str(seconds), str(room)]
                log = (room / "log").open("wb")
                running.append((name, room, subprocess.Popen(command, stdout=log, stderr=log)))  # noqa: S603
            name, room, process = running.pop(0)
            broken += _told(name, room, process.wait())
    print(f"{broken} of {len(targets.TARGETS)} broke")
    return broken


def _recorded(corpus: Path) -> None:
    from bench.fuzzing import seeds  # noqa: PLC0415 - as above

    for number, document in enumerate(seeds.recorded()):
        (corpus / str(number)).write_text(seeds.json.dumps(document))


def _told(name: str, room: Path, status: int) -> bool:
    text = (room / "log").read_text(errors="replace")
    runs = next((line for line in reversed(text.splitlines()) if line.startswith(("Done", "#"))), "")
    print(f"{'BROKE' if status else 'held':6}{name:14}{runs[:100]}", flush=True)
    if status:
        print(text[-3000:])
        for found in [*room.glob("crash-*"), *room.glob("timeout-*"), *room.glob("slow-unit-*")]:
            print(f"  {found.name}: {found.read_bytes()[:600]!r}")
    return bool(status)


def _one(name: str, seconds: str, directory: str) -> None:
    import atheris  # noqa: PLC0415 - brings a fuzzer along, which nobody else needs

    with atheris.instrument_imports(include=["federation", "fedicause"]):
        from bench.fuzzing import targets  # noqa: PLC0415 - to be instrumented

    def try_it(data: bytes) -> None:
        targets.takes(name, data)

    options = [f"-max_total_time={seconds}", "-timeout=5", "-max_len=4096", f"-artifact_prefix={directory}/"]
    atheris.Setup([sys.argv[0], *options, f"{directory}/corpus"], try_it)
    atheris.Fuzz()


if __name__ == "__main__":
    _one(*sys.argv[1:4])
