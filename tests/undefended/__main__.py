"""`python -m tests.undefended [WORD …]`: takes each defence out, and runs the tests that must fail then.

With words, only the removals (or tests) that hold one of them. First all tests run where nothing is taken out.
"""

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.undefended import ALL, trial
from tests.undefended.removals import Removal


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m tests.undefended", description=__doc__)
    asked.add_argument("words", nargs="*")
    asked.add_argument("--processes", type=int, default=min(4, os.cpu_count() or 1))
    asked.add_argument("--without-control", action="store_true", help="not the tests as they are, at first")
    given = asked.parse_args()
    chosen = [each for each in ALL if not given.words or any(word in text(each) for word in given.words)]
    if not chosen:
        sys.exit("No removal is called that.")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="undefended-") as directory:
        if not given.without_control:
            control(chosen, Path(directory), given.processes)
        survived = 0
        with ThreadPoolExecutor(given.processes) as pool:
            tried = pool.map(lambda each: (each, trial.tried(each, Path(directory))), chosen)
            for each, wrong in tried:
                survived += bool(wrong)
                print(f"{'WRONG' if wrong else 'fails':6} {len(each.tests):2}  {each.defence}", flush=True)
                for line in wrong:
                    print(f"           {line}", flush=True)
    tests = {test for each in chosen for test in each.tests}
    print(
        f"{len(chosen)} removals, {len(tests)} tests, {survived} removals with a test that did not fail as it "
        f"must; {time.monotonic() - begun:.0f} s"
    )
    sys.exit(bool(survived))


def text(removal: Removal) -> str:
    return " ".join([removal.defence, *removal.tests, *(each.file for each in removal.changes)])


def control(chosen: list[Removal], directory: Path, processes: int) -> None:
    """As it is, all of them pass: what fails later fails for what was taken out."""
    tests = sorted({test for each in chosen for test in each.tests})
    wrong = trial.passing(tests, directory, processes)
    if wrong:
        sys.exit("\n".join(["These fail as it is:", *wrong]))
    print(f"{len(tests)} tests pass as it is", flush=True)


if __name__ == "__main__":
    main()
