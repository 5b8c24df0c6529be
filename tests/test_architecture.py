"""The house stands as drawn: every import goes where the contracts in pyproject.toml allow."""

import json
import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent
CONTRACTS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
    "importlinter"
]
HOUSE: list[str] = CONTRACTS["root_packages"]
ROOMS = [room for room in HOUSE if (ROOT / room / "__init__.py").exists()]
# The keys of a contract that list modules.
MODULES = ("_modules", "_importers")
# What can neither reach the world nor differ between two runs.
PURE = set(
    "__future__ abc bisect calendar collections dataclasses datetime enum functools hashlib heapq"
    " itertools math operator re string struct types typing eventsourcing msgspec".split()
)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Every import of the rooms that exist."""
    return grimp.build_graph(*ROOMS, include_external_packages=True, cache_dir=None)


def test_every_package_is_a_room_of_the_house() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages <= {*HOUSE, "bench", "tests"}


def test_every_room_is_packaged() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == HOUSE


def test_every_import_is_allowed(graph: grimp.ImportGraph, tmp_path: Path) -> None:
    """The linter stops at a module it cannot find, so it is shown only what exists."""
    missing = set(HOUSE) - set(ROOMS)
    (tmp_path / "contracts.toml").write_text(contracts_on(graph.modules - missing))
    assert lint_imports(str(tmp_path / "contracts.toml"), no_logo=True, no_cache=True) == 0


def test_the_core_touches_nothing_of_the_world(graph: grimp.ImportGraph) -> None:
    core = {"ledger", *graph.find_descendants("ledger")}
    reached = {
        f"{module} -> {imported}"
        for module in core
        for imported in graph.find_modules_directly_imported_by(module) - core
        if imported.partition(".")[0] not in PURE
    }
    assert reached == set()


def contracts_on(modules: set[str]) -> str:
    tables = ["[tool.importlinter]", "include_external_packages = true"]
    tables.append(f"root_packages = {json.dumps(ROOMS)}")
    for contract in CONTRACTS["contracts"]:
        known = {
            key: [name for name in value if name in modules] if key.endswith(MODULES) else value
            for key, value in contract.items()
        }
        if known.get("protected_modules", True):
            tables.append("[[tool.importlinter.contracts]]")
            # A JSON string or list is a TOML one.
            tables += [f"{key} = {json.dumps(value)}" for key, value in known.items()]
    return "\n".join(tables)
