"""One thing that was looked at to see whether an instance is in order."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look showed; `advice` is what to do, empty if all is well. `group` is what it is about."""

    name: str
    state: State
    text: str
    advice: str = ""
    group: str = "instance"
