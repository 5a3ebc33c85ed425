"""What is taken out, and which tests must fail then."""

from typing import NamedTuple


class Change(NamedTuple):
    """`old` is in `file` exactly once; `new` takes its place."""

    file: str
    old: str
    new: str


class Removal(NamedTuple):
    """One defence less. `tests` are pytest's ids below tests/; every one of them must fail.

    Of several changes all are made: where one defence is taken out and another holds, the test shows both.
    """

    defence: str
    tests: tuple[str, ...]
    changes: tuple[Change, ...]


def removal(defence: str, tests: str, *changes: tuple[str, str, str]) -> Removal:
    """`tests`: `folder/test_file: name, name` (without `test_`), several of those by semicolons."""
    ids = []
    for part in tests.split(";"):
        file, _, names = part.strip().partition(": ")
        ids += [f"{file}.py::test_{name.strip()}" for name in names.split(",")]
    return Removal(defence, tuple(ids), tuple(Change(*each) for each in changes))
