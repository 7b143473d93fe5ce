"""The layout: one namespace from two source roots, small files, and cores that take time as an argument."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cdevents import ROOT

ROOTS = (ROOT / "services" / "lockgate", ROOT / "shared" / "lockgate")
SOURCES = sorted(file for root in ROOTS for file in root.rglob("*.py"))
PURE = sorted(
    {*ROOT.glob("services/lockgate/*/core.py"), *ROOT.glob("services/lockgate/*/core/**/*.py")}
    | {*ROOT.glob("services/lockgate/verifier/statistics/**/*.py")}
)
CLOCKS = frozenset({"now", "utcnow", "today"})
WORLD = frozenset({"open", "print", "input", "exec", "eval", "__import__"})


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("root", ROOTS, ids=lambda root: root.parent.name)
def test_the_namespace_has_no_init_file(root: Path) -> None:
    assert not (root / "__init__.py").exists(), "it would hide the other source root: delete it"


def test_every_package_below_has_one() -> None:
    folders = {file.parent for file in SOURCES} - set(ROOTS)
    assert [name(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [name(file) for file in SOURCES if not ast.get_docstring(ast.parse(file.read_text()))]
    assert silent == []


def test_no_file_is_longer_than_300_lines() -> None:
    lengths = {name(file): len(file.read_text().splitlines()) for file in SOURCES}
    assert {file: length for file, length in lengths.items() if length > 300} == {}


def test_no_function_is_longer_than_50_lines() -> None:
    long = [
        f"{name(file)}:{function.lineno} {function.name}"
        for file in SOURCES
        for function in functions(file)
        if (function.end_lineno or function.lineno) - function.lineno >= 50
    ]
    assert long == []


def test_there_are_pure_modules() -> None:
    services = {file.relative_to(ROOT / "services" / "lockgate").parts[0] for file in PURE}
    assert services == {"intake", "verifier", "deployer", "rollback"}


@pytest.mark.parametrize("file", PURE, ids=name)
def test_a_core_asks_no_clock_waits_for_nothing_and_opens_nothing(file: Path) -> None:
    assert impure_lines(file.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "at = datetime.now(UTC)",
        "day = date.today()",
        "async def decide(): pass",
        "text = open('/etc/hosts').read()",
        "print('decided')",
    ],
)
def test_what_is_not_pure_is_seen(line: str) -> None:
    assert impure_lines(f"now = scene.now\n{line}\n") == [2]


def impure_lines(source: str) -> list[int]:
    return sorted({getattr(node, "lineno", 0) for node in ast.walk(ast.parse(source)) if is_impure(node)})


def is_impure(node: ast.AST) -> bool:
    match node:
        case ast.AsyncFunctionDef() | ast.Await() | ast.Global():
            return True
        case ast.Call(func=ast.Attribute(attr=called)):
            return called in CLOCKS
        case ast.Name(id=used):
            return used in WORLD
        case _:
            return False


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
