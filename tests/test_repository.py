"""What must not be in the repository."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# In two parts, so that this file names none of them either. Whoever installs says where packages come from.
REGISTRIES = [
    "pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "yarn" + "pkg.com",
    "deb." + "debian.org", "crates" + ".io", "proxy." + "golang.org",
]  # fmt: skip


def tracked() -> list[Path]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git work tree")
    answer = subprocess.run([git, "-C", ROOT, "ls-files", "-z"], check=True, capture_output=True)
    return [path for name in answer.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_names_a_package_registry() -> None:
    naming = {
        f"{path.relative_to(ROOT)}: {registry}"
        for path in tracked()
        for registry in REGISTRIES
        if registry.encode() in path.read_bytes().lower()
    }
    assert not naming


def test_the_lock_of_the_npm_peers_says_what_to_fetch_but_not_where() -> None:
    lock = json.loads((ROOT / "tests/interop/peer/package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert all("resolved" not in entry for entry in packages.values())
    assert all("integrity" in entry for entry in packages.values())


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "requirements-dev.lock", "tests/interop/pasture/requirements.lock"]
)
def test_every_locked_package_has_its_hashes(lock: str) -> None:
    entries = (ROOT / lock).read_text().replace("\\\n", " ").splitlines()
    pinned = [line for line in entries if line and not line.lstrip().startswith("#")]
    assert pinned
    assert all("==" in line and "--hash=sha256:" in line for line in pinned)
