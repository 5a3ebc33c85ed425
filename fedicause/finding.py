"""One thing that was looked at to see whether an instance is in order."""

from typing import Literal

from msgspec import Struct

State = Literal["ok", "warning", "problem"]


class Finding(Struct, frozen=True):
    """What one look showed; `advice` is what to do, empty if all is well. `group` is what it is about."""

    name: str
    state: State
    text: str
    advice: str = ""
    group: str = "instance"
