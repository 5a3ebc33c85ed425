"""What the tests need besides Python: where it is on this machine, and what to do when it isn't there."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parent.parent
PEER = Path(__file__).parent / "interop" / "peer"
PASTURE = ROOT / ".venv-pasture"


def missing(component: str) -> NoReturn:
    """Skips the test; fails it where the machine was to be complete (`FEDICAUSE_COMPLETE=1`)."""
    reason = f"{component} is not on this machine; `make test` as root installs it"
    if os.environ.get("FEDICAUSE_COMPLETE") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def postgresql() -> Path:
    """The directory of PostgreSQL's programs; Debian keeps the server's out of PATH."""
    for directory in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (directory / "initdb").exists():
            return directory
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else missing("PostgreSQL")


def chromium() -> str:
    return shutil.which("chromium") or shutil.which("chromium-browser") or missing("Chromium")


def node_peer(program: str) -> list[str]:
    """The command that runs one of the programs in interop/peer, by its path in there."""
    node = shutil.which("node")
    if node is None or not (PEER / "node_modules").is_dir():
        missing("Node.js with the peers from npm")
    return [node, "--import", str(PEER / "globals.mjs"), str(PEER / program)]


def pasture() -> Path:
    """The interpreter of the environment that has fediverse-pasture."""
    python = PASTURE / "bin" / "python"
    return python if python.exists() else missing("fediverse-pasture")


def axe() -> Path:
    """The script that finds what keeps people out of a page."""
    script = PEER / "node_modules" / "axe-core" / "axe.min.js"
    return script if script.exists() else missing("axe-core from npm")
