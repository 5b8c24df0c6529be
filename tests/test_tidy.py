"""The checkout is tidy: each test collects what is not, by file and line."""

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest

from tests.checkout import ROOT, paths, texts

LINE_WIDTH = 100
MODULE_LINES_MAX = 600
# Files whose lines are one paragraph, one record or one hash each; Python's are for ruff to judge.
LONG_LINES_ALLOWED = {".avsc", ".py", ".csv", ".json", ".jsonl", ".lock", ".md", ".sql", ".svg"}
SAYS_NOTHING = {"common", "helper", "helpers", "misc", "util", "utils"}

# Spelt with a class of one letter each, so that this file holds none of them.
BANNED_WORDS = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X|for[ ]now)\b")
# A path of the machine that someone happened to work on.
MACHINE_PATH = re.compile(r"(?<![\w.$}-])/(work|root|farm|home|Users)/")
# Where packages come from is the user's setting, never ours.
REGISTRY = re.compile(r"\b[\w-]*(pypi|pythonhosted|maven|npmjs|crates|golang)\.(org|io|com)\b")
URL_HOST = re.compile(r"https?://([\w.-]+)")
HOSTS = {
    "127.0.0.1", "localhost", "example.com", "example.org",
    "json-schema.org", "keepachangelog.com", "registry", "semver.org", "www.w3.org",
    "prometheus",  # as the services of docker-compose.yml name one another
}  # fmt: skip

# What the core may not do, by the names of the calls that would do it.
CLOCKS_AND_CHANCE = {"monotonic", "now", "random", "time", "today", "urandom", "utcnow", "uuid4"}

MODULES_OF_DISTRIBUTION = {
    distribution.lower().replace("_", "-"): module
    for module, distributions in packages_distributions().items()
    for distribution in distributions
    if not module.startswith("_")
}


def nothing_in(found: Iterable[object]) -> None:
    """Fail with all that was found, one a line."""
    lines = "\n".join(map(str, found))
    if lines:
        pytest.fail(f"\n{lines}", pytrace=False)


def modules() -> dict[Path, ast.Module]:
    """The syntax of what the wheel takes, by path."""
    return {
        path: ast.parse((ROOT / path).read_text())
        for path in paths("*.py")
        if path.parts[0] not in {"bench", "scripts", "tests"}
    }


def lines_with(pattern: re.Pattern[str]) -> Iterator[str]:
    for path, text in texts().items():
        for number, line in enumerate(text.splitlines(), start=1):
            if pattern.search(line):
                yield f"{path}:{number}: {line.strip()}"


def test_no_line_is_long() -> None:
    nothing_in(
        f"{path}:{number}"
        for path, text in texts().items()
        if path.suffix not in LONG_LINES_ALLOWED
        for number, line in enumerate(text.splitlines(), start=1)
        if len(line) > LINE_WIDTH
    )


def test_no_module_is_long() -> None:
    nothing_in(path for path, text in texts("*.py").items() if text.count("\n") > MODULE_LINES_MAX)


def test_no_module_is_named_for_nothing() -> None:
    nothing_in(path for path in paths("*.py") if path.stem in SAYS_NOTHING)


def test_nothing_is_left_for_later() -> None:
    nothing_in(lines_with(BANNED_WORDS))


def test_no_machine_is_named() -> None:
    nothing_in(lines_with(MACHINE_PATH))


def test_no_registry_is_named() -> None:
    nothing_in(lines_with(REGISTRY))


def test_every_host_that_is_named_is_meant() -> None:
    nothing_in(
        f"{path}: {host}"
        for path, text in texts().items()
        for host in URL_HOST.findall(text)
        if host not in HOSTS
    )


def test_every_module_opens_with_its_job() -> None:
    nothing_in(
        path
        for path, text in texts("*.py").items()
        if not (ast.get_docstring(ast.parse(text)) or "").split("\n\n")[0].endswith((".", ":"))
    )


@pytest.mark.parametrize("part", [r"\bOwns\b", r"\b[Mm]ay\b", r"\b[Nn]ever\b"])
def test_every_package_says_what_it_owns_and_may_and_must_never(part: str) -> None:
    nothing_in(
        path
        for path, tree in modules().items()
        if path.name == "__init__.py" and not re.search(part, ast.get_docstring(tree) or "")
    )


def test_the_core_knows_no_float_clock_or_chance() -> None:
    nothing_in(
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for path, tree in modules().items()
        if path.parts[0] == "ledger"
        for node in ast.walk(tree)
        if isinstance(node, ast.expr) and is_unfit_for_money(node)
    )


def is_unfit_for_money(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=float()) | ast.Name(id="float") | ast.BinOp(op=ast.Div()):
            return True
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            return name in CLOCKS_AND_CHANCE
        case _:
            return False


def test_only_the_command_line_prints() -> None:
    nothing_in(
        f"{path}:{node.lineno}"
        for path, tree in modules().items()
        if path.parts[0] != "cli"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    )


def test_every_module_is_used() -> None:
    graph = grimp.build_graph(*{path.parts[0] for path in modules()}, cache_dir=None)
    # Programs are named where they are started: `python -m room.program`, `room.program:main`.
    started = "\n".join(texts("Makefile", "*.toml", "*.sh", "*.lock", "docs/*.md").values())
    nothing_in(
        module
        for module in sorted(graph.modules)
        if not graph.find_children(module)
        and not graph.find_modules_that_directly_import(module)
        and not module.endswith("__main__")
        and not re.search(rf"\b{re.escape(module)}\b", started)
    )


def test_every_dependency_is_used() -> None:
    source = "\n".join(ast.unparse(tree) for tree in modules().values())
    nothing_in(
        module
        for module in declared(stack=True)
        if not re.search(rf"\b{re.escape(module)}\b", source)
    )


def test_every_use_of_a_dependency_is_declared() -> None:
    nothing_in(
        f"{path}: {module}"
        for path, tree in modules().items()
        for module in imported(tree) & set(MODULES_OF_DISTRIBUTION.values())
        if module not in declared(stack=path.parts[0] == "devstack")
    )


def declared(*, stack: bool) -> set[str]:
    """The modules that production's dependencies bring, and the embedded stack's where asked."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements: list[str] = project["dependencies"]
    if stack:
        requirements += project["optional-dependencies"]["devstack"]
    names = [re.split(r"[~\[]", requirement)[0] for requirement in requirements]
    return {MODULES_OF_DISTRIBUTION[name] for name in names}


def imported(tree: ast.Module) -> set[str]:
    """The top-level names that a module imports."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_every_decision_record_has_a_number_of_its_own_and_a_title() -> None:
    records = {
        path: text for path, text in texts("docs/adr/*.md").items() if path.name[0].isdigit()
    }
    numbers = Counter(path.name[:3] for path in records)
    nothing_in(number for number, count in numbers.items() if count > 1)
    nothing_in(
        path for path, text in records.items() if not re.match(rf"# {path.name[:3]}: \S", text)
    )
