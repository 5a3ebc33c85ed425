"""The text format in which Prometheus reads numbers (exposition format 0.0.4)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct, field

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Family(Struct):
    """One metric: its name, what it tells, and its samples by their labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: list[tuple[str, Mapping[str, str], float]] = field(default_factory=list)

    def add(self, value: float, **labels: str) -> "Family":
        self.samples.append(("", labels, value))
        return self

    def add_histogram(
        self, bounds: Sequence[float], numbers: Sequence[int], total: float, **labels: str
    ) -> "Family":
        """`numbers`: how many values were at most each bound but above the one before; the last: the rest."""
        so_far = 0
        for bound, number in zip([*map(_number, bounds), "+Inf"], numbers, strict=True):
            so_far += number
            self.samples.append(("_bucket", {**labels, "le": bound}, so_far))
        self.samples += [("_sum", labels, total), ("_count", labels, so_far)]
        return self


def render(families: Iterable[Family]) -> str:
    """The whole answer; metrics without a sample are left out."""
    lines = []
    for family in families:
        if family.samples:
            lines += [f"# HELP {family.name} {_escaped(family.help)}", f"# TYPE {family.name} {family.kind}"]
            lines += [
                f"{family.name}{suffix}{_labels(labels)} {_number(value)}"
                for suffix, labels, value in family.samples
            ]
    return "\n".join([*lines, ""])


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = [name + '="' + _escaped(value).replace('"', '\\"') + '"' for name, value in labels.items()]
    return "{" + ",".join(pairs) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
