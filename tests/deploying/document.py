"""docs/operating.md as what it is: commands to be typed, section by section."""

import re
from typing import Final

from tests.components import ROOT

TEXT: Final = (ROOT / "docs" / "operating.md").read_text()
_HEADING: Final = re.compile(r"^(#{2,3}) (.+)$", re.MULTILINE)
_FENCE: Final = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VALUE: Final = re.compile(r"^([A-Z]+)=.*$", re.MULTILINE)


def commands(section: str) -> list[str]:
    """The blocks of commands below a heading, as they stand, up to the next heading."""
    headings = list(_HEADING.finditer(TEXT))
    found = [number for number, each in enumerate(headings) if each[2] == section]
    assert len(found) == 1, f"{len(found)} sections are called {section}"
    after = headings[found[0] + 1].start() if found[0] + 1 < len(headings) else len(TEXT)
    return _FENCE.findall(TEXT[headings[found[0]].end() : after])


def with_values(block: str, values: dict[str, str]) -> str:
    """The block of what everybody has another value for, with these: each one, and no other."""
    assert set(_VALUE.findall(block)) == set(values), "the document asks for other values"
    return _VALUE.sub(lambda line: f'{line[1]}="{values[line[1]]}"', block)
