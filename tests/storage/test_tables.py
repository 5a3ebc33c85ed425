"""Tables are mapped as late as they are needed: but who looks through all of them knows all."""

import subprocess
import sys

import pytest

# Erasing and export, migrating to another database, another secret.
LOOK_THROUGH_ALL = ("storage.traces", "storage.copying", "storage.sealed")
MISSING = """
import importlib, pkgutil, storage
from storage.models import Base
importlib.import_module({module!r})
known = set(Base.metadata.tables)
for each in pkgutil.iter_modules(storage.__path__, "storage."):
    if each.name.endswith("models"):
        importlib.import_module(each.name)
print(sorted(set(Base.metadata.tables) - known))
"""


@pytest.mark.parametrize("module", LOOK_THROUGH_ALL)
def test_who_looks_through_all_tables_knows_all(module: str) -> None:
    code = MISSING.format(module=module)
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "[]"


def test_a_table_that_was_not_loaded_is_missed() -> None:
    code = MISSING.format(module="storage.campaigns")
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "cosigners" in told.stdout
