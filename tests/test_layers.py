"""Who may import whom: web, then verbs, then storage and federation, which know nobody else of ours."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("fedicause", "federation", "storage", "templates")
# The composition root joins all layers, and the command line starts it.
COMPOSITION = {"fedicause/app.py", "fedicause/cli.py"}
# One transaction per request (or group of them), per piece of work, per command. Nobody else opens one.
TRANSACTIONS = {
    "fedicause/web/transactions.py",
    "fedicause/group_commit.py",
    "fedicause/work.py",
    "fedicause/rounds.py",
    "fedicause/turns.py",
    # Rounds of the worker that change something between one talk with others and the next.
    "fedicause/coalition/compare.py",
    "fedicause/coalition/estimate.py",
    "fedicause/campaigning/history.py",
    "fedicause/coalition/mirror.py",
    "fedicause/letters/post.py",
    "fedicause/watching/reporting.py",
    "fedicause/cli.py",
    "fedicause/demo/organisation.py",
}


def sources(under: str) -> list[str]:
    """The modules below a directory, as paths from the root."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / under).rglob("*.py"))


def imported(source: str) -> Iterator[str]:
    """Every dotted name that may be a module which this source imports, wherever it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def openings(source: str) -> list[int]:
    """The lines that open a transaction for writing."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"writing", "begin"}
    ]


def forbidden(path: str) -> tuple[str, ...]:
    """What the module at this path may not import."""
    above: tuple[str, ...] = ("tests", "bench")
    if path.startswith("storage/"):
        return (*above, "fedicause", "federation", "templates", "aiohttp", "jinja2")
    if path.startswith("federation/"):
        return (*above, "fedicause", "storage", "templates", "sqlalchemy", "jinja2")
    if path.startswith("fedicause/demo/") or path == "fedicause/cli.py":
        return above
    above = (*above, "fedicause.demo")
    if path.startswith("fedicause/web/") or path in COMPOSITION:
        return above
    return (*above, "fedicause.web", "fedicause.app", "aiohttp.web")


@pytest.mark.parametrize("path", [path for package in PACKAGES for path in sources(package)])
def test_a_module_imports_only_what_lies_below_it(path: str) -> None:
    names = set(imported((ROOT / path).read_text()))
    wrong = {name for name in names for bar in forbidden(path) if name == bar or name.startswith(f"{bar}.")}
    assert not wrong


@pytest.mark.parametrize(
    "path", [path for package in ("fedicause", "federation") for path in sources(package)]
)
def test_only_the_request_wrapper_the_worker_and_the_command_line_open_transactions(path: str) -> None:
    lines = openings((ROOT / path).read_text())
    assert path in TRANSACTIONS or not lines


def test_an_import_is_seen_in_every_form_and_place() -> None:
    source = "import a.b\nfrom c import d as e\ndef f():\n    if 1:\n        from g.h import i\n"
    assert set(imported(source)) == {"a.b", "c", "c.d", "g.h", "g.h.i"}


def test_an_opened_transaction_is_seen() -> None:
    assert openings("async def f(x):\n    async with x.y.writing() as s:\n        pass\n") == [2]
