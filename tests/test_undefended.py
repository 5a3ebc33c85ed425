"""Each test of docs/security.md has a defence to be taken out, and each removal finds what it takes out."""

import re

from tests import undefended
from tests.components import ROOT
from tests.test_security_document import FILES, named, rows


def test_what_is_taken_out_is_there_once() -> None:
    changes = [change for each in undefended.ALL for change in each.changes]
    sources = {change.file: (ROOT / change.file).read_text() for change in changes}
    assert [change for change in changes if sources[change.file].count(change.old) != 1] == []
    assert all(change.old != change.new for change in changes)


def test_every_test_of_the_document_must_fail_somewhere() -> None:
    covered = {test for each in undefended.ALL for test in each.tests}
    whole = {name.rpartition("/")[2] for row in rows() for name in re.findall(r"`([\w/]+)`: all", row)}
    wanted = set()
    for file, name in named():
        if name or file in whole:
            pattern = rf"def (test_{name})\(" if name else r"def (test_\w+)\("
            path = FILES[file].relative_to(ROOT / "tests")
            wanted |= {f"{path}::{each}" for each in re.findall(pattern, FILES[file].read_text())}
    assert len(wanted) > 150
    assert sorted(wanted - covered) == []
    for test in covered:
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(), test


def test_every_row_of_the_document_names_tests() -> None:
    for row in rows():
        assert re.search(r"`(?:\w+/)?test_\w+`: (?:all|`)", row), row
