"""A copy of the tree without one defence, and what became of the tests there."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from tests.components import ROOT
from tests.undefended.removals import Change, Removal

COPIED: Final = (
    "federation",
    "fedicause",
    "storage",
    "templates",
    "tests",
    "bench",
    "docs",
    "deploy",
    "tools",
)
SECONDS: Final = 900
# Tests of what several processes do, of which there is no other kind.
_POSTGRESQL_ALONE: Final = ("test_many_processes", "test_hearing_together", "test_turns")
# Failures of the removal rather than of the defence.
_BROKEN: Final = re.compile(
    r"\b(?:SyntaxError|IndentationError|ImportError|ModuleNotFoundError|NameError|UnboundLocalError)\b"
)
_GIVEN: Final = 'failed on setup with "AssertionError'
_BROKEN_DOWN: Final = ("AttributeError", "TypeError", "KeyError", "ValueError", "ExceptionGroup")


def tried(removal: Removal, directory: Path) -> list[str]:
    """What did not go as it must: a test that passes, or breaks down instead of failing. Nothing: well."""
    with tempfile.TemporaryDirectory(dir=directory) as name:
        tree = Path(name)
        copy(tree)
        for change in removal.changes:
            apply(change, tree)
        return judged(removal.tests, run(tree, removal.tests))


def passing(tests: Sequence[str], directory: Path, processes: int) -> list[str]:
    """Which of these do not pass where nothing was taken out."""
    with tempfile.TemporaryDirectory(dir=directory) as name:
        copy(Path(name))
        report = run(Path(name), tests, "-n", str(processes), "--dist", "loadfile", seconds=3600)
        return [
            f"{test}: {[case[1] for case in cases] or 'not run'}"
            for test, cases in outcomes(tests, report).items()
            if not cases or any(case[0] != "passed" for case in cases)
        ]


def apply(change: Change, tree: Path) -> None:
    """Makes the change in this tree; the text must be there once."""
    path = tree / change.file
    source = path.read_text()
    if source.count(change.old) != 1:
        raise LookupError(f"{change.file} has it {source.count(change.old)} times: {change.old!r}")
    path.write_text(source.replace(change.old, change.new))


def copy(tree: Path) -> None:
    """Times are kept: what Python has compiled of the source is good for its copy too."""
    for name in COPIED:
        shutil.copytree(
            ROOT / name,
            tree / name,
            ignore=shutil.ignore_patterns("node_modules", ".hypothesis"),
        )
    for path in ROOT.iterdir():
        if path.is_file() and path.name != ".env":
            shutil.copy(path, tree / path.name)
    for name in (".components", ".venv", ".venv-pasture", "tests/interop/peer/node_modules"):
        if (ROOT / name).exists():
            (tree / name).symlink_to(ROOT / name)


def run(tree: Path, tests: Sequence[str], *options: str, seconds: int = SECONDS) -> Path:
    """The report of pytest. On SQLite where there is a choice: what is taken out is the same on both."""
    report = tree / "report.xml"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}"]
    chosen = " or ".join(["not postgresql", *_POSTGRESQL_ALONE])
    command += ["-k", chosen, "-o", "junit_logging=all", "--timeout", "120", *options]
    command += [f"tests/{test}" for test in tests]
    # Before what is installed, for the processes that tests start as well.
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        subprocess.run(command, cwd=tree, env=environment, check=False, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        report.unlink(missing_ok=True)
    return report


def outcomes(tests: Sequence[str], report: Path) -> dict[str, list[tuple[str, str]]]:
    """By test, for each of its parameters: `passed`, `failed`, `broken` or `skipped`, and why."""
    found: dict[str, list[tuple[str, str]]] = {test: [] for test in tests}
    if not report.exists():
        return found
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - our own
        file = case.get("classname", "").removeprefix("tests.").replace(".", "/")
        test = f"{file}.py::{case.get('name', '').partition('[')[0]}"
        if test in found:
            found[test].append(outcome(case))
    return found


def outcome(case: ElementTree.Element) -> tuple[str, str]:
    skipped = case.find("skipped")
    if skipped is not None:
        return "skipped", skipped.get("message", "")[:200]
    error = case.find("error")
    if error is not None:
        message = error.get("message", "")
        # What a test is given may be what does not come about without the defence.
        return "failed" if message.startswith(_GIVEN) else "broken", message[:200]
    failure = case.find("failure")
    if failure is None:
        return "passed", ""
    message = failure.get("message", "")
    everything = "".join(case.itertext()) + message
    broken = _BROKEN.search(everything)
    if broken:
        return "broken", broken[0]
    return ("broken" if message.startswith(_BROKEN_DOWN) else "failed"), message[:200]


def judged(tests: Sequence[str], report: Path) -> list[str]:
    wrong = []
    for test, cases in outcomes(tests, report).items():
        kinds = {kind for kind, _ in cases}
        if "failed" in kinds and "broken" not in kinds:
            continue
        reasons = "; ".join(sorted({f"{kind}: {why}" if why else kind for kind, why in cases}))
        wrong.append(f"{test}: {reasons or 'not run'}")
    return wrong
