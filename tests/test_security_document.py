"""docs/security.md names tests that there are."""

import re

from tests.components import ROOT

# Where two have one name, the one in tests/web is meant.
FILES = {
    path.stem: path
    for path in sorted((ROOT / "tests").rglob("test_*.py"), key=lambda path: path.parent.name == "web")
}


def rows() -> list[str]:
    """What each row of the document says of its tests."""
    lines = (ROOT / "docs" / "security.md").read_text().splitlines()
    return [line.split(" | ")[2] for line in lines if line.startswith("| ")][1:]


def named() -> list[tuple[str, str]]:
    """Files and what they are said to hold: after `test_file`: come `one`, `another_…`, `…_and_a_third`."""
    pairs = []
    for row in rows():
        file = ""
        for name in re.findall(r"`([\w…/]+)`", row):
            if name.rpartition("/")[2].startswith("test_"):
                file = name.rpartition("/")[2]
                pairs.append((file, ""))
            else:
                pairs.append((file, name.replace("…", r"\w*")))
    return pairs


def test_every_test_that_is_named_exists() -> None:
    pairs = named()
    missing = [
        (file, name)
        for file, name in pairs
        if file not in FILES or not re.search(rf"def test_{name}", FILES[file].read_text())
    ]
    assert len(pairs) > 60
    assert not missing
