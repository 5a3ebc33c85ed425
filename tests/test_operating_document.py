"""docs/operating.md and deploy/ say what is so."""

import configparser
import re
from pathlib import Path

import click
import pytest

from fedicause.cli import main
from tests.components import ROOT

TEXT = (ROOT / "docs" / "operating.md").read_text()


def test_every_setting_is_explained_and_none_is_made_up() -> None:
    read = set(re.findall(r'"(FEDICAUSE_[A-Z_]+)"', (ROOT / "fedicause" / "settings.py").read_text()))
    rows = [line.split("|")[1] for line in TEXT.splitlines() if line.startswith("| `FEDICAUSE")]
    assert read == set(re.findall(r"FEDICAUSE_[A-Z_]+", "".join(rows)))


def test_every_command_of_ours_is_one() -> None:
    lines = re.findall(r"(?:`|bin/|^)fedicause ((?:mail )?[a-z]+)", TEXT, re.MULTILINE)
    assert len(lines) > 8
    for line in lines:
        found: click.Command | None = main
        for word in line.split():
            assert isinstance(found, click.Group)
            found = found.get_command(click.Context(found), word)
        assert found is not None, line


@pytest.mark.parametrize("unit", sorted((ROOT / "deploy").glob("*.service")), ids=lambda path: path.name)
def test_a_unit_starts_commands_that_there_are(unit: Path) -> None:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read(unit)
    assert parsed["Service"]["EnvironmentFile"] == "/etc/fedicause.env"
    starts = re.findall(
        r"^ExecStart=/srv/fedicause/\.venv/bin/fedicause (\w+)", unit.read_text(), re.MULTILINE
    )
    assert starts
    assert set(starts) <= set(main.list_commands(click.Context(main)))
