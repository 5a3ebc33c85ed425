"""`python -m bench [NAME …]`: measures, and prints one table. `fuzz`, `soak`: see bench.fuzz, bench.soak."""

import sys

from bench import fuzz
from bench.measurements import ALL, Line, measure_limits


def main() -> None:
    if sys.argv[1:2] == ["fuzz"]:
        fuzz.main(sys.argv[2:])
    if sys.argv[1:2] == ["soak"]:
        # It brings a mail server, which nothing else here needs.
        from bench.soak import run  # noqa: PLC0415

        return run.main(sys.argv[2:])
    names = sys.argv[1:] or list(ALL)
    unknown = sorted(set(names) - set(ALL))
    if unknown:
        sys.exit(f"No such measurement: {', '.join(unknown)}. There are: {', '.join(ALL)}.")
    found = measure_limits()
    print(f"{'':44}{'measured':>14}   {'ratio':>6}  of", flush=True)
    for line in found.lines():
        show(line)
    for name in names:
        for line in ALL[name](found):
            show(line)


def show(line: Line) -> None:
    ratio = "" if line.ratio is None else f"{line.ratio:6.2f}"
    wanted = f"  (wanted {line.wanted})" if line.wanted else ""
    value = f"{line.value:,.2f}" if line.value < 10 else f"{line.value:,.0f}"
    print(f"{line.what:46}{value:>12}{line.unit:3}{ratio:>6}  {line.limit}{wanted}", flush=True)


if __name__ == "__main__":
    main()
