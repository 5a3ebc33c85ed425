"""Which tests run first, and which together, where several processes share them."""

from typing import Final

import pytest
from xdist.scheduler import LoadFileScheduling

# What takes long or waits long comes first: in the end nobody is left alone with it.
FIRST: Final = (
    "tests/faults/",
    "tests/browser/",
    "tests/test_demo.py",
    "tests/interop/",
    "tests/test_book.py",
    "tests/test_sign.py",
    "tests/web/test_threats_",
    "tests/web/test_coalition",
    "tests/web/test_admin_",
)
# All of these look at what one ordeal has left, which each process would go through for itself.
TOGETHER: Final = "tests/faults/test_kill_while_"


class Files(LoadFileScheduling):
    """A process takes a file at a time, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER if nodeid.startswith(TOGETHER) else super()._split_scope(nodeid)


def place(item: pytest.Item) -> int:
    """For sorting; what has the same place stays as it was."""
    found = (number for number, first in enumerate(FIRST) if item.nodeid.startswith(first))
    return next(found, len(FIRST))
