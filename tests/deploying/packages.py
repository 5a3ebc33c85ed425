"""How this machine reaches packages: a matter of its network, which the machines of the tests are told."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tests import components


def authorities() -> Path:
    """The certificates that pip believes here."""
    return Path(os.environ.get("PIP_CERT") or "/etc/ssl/certs/ca-certificates.crt")


def pip() -> dict[str, str]:
    """pip's settings on this machine, without the files that they are in."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    found = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        if name.startswith("global."):
            found[name.removeprefix("global.")] = value.strip("'")
    return found


def indexes() -> list[str]:
    """The directories of this machine in which pip looks for packages."""
    paths = {urlsplit(word).path for value in pip().values() for word in value.split()}
    # An index in files refers to the packages beside it.
    tops = {Path(*Path(path).parts[:3]) for path in paths if path.startswith("/") and Path(path).is_dir()}
    return sorted(map(str, tops))


def mirror(suite: str) -> str:
    """The mirror of a Debian that apt uses here."""
    asked = subprocess.run(
        ["/usr/bin/apt-get", "indextargets", "--format", "$(CODENAME)\t$(SITE)"],
        capture_output=True,
        text=True,
        check=True,
    )
    sites = [line.partition("\t") for line in asked.stdout.splitlines()]
    return next((site for name, _, site in sites if name == suite), "") or components.missing("apt's mirror")
