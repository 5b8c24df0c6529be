"""The page of rules: what the product says, where it is in code, and which tests show it."""

import ast
import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = ROOT / "docs" / "reference" / "rules.csv"
HEAD: Final = """\
# Rules

What the product says, where it is in code, and which tests show it. What is not built yet says so.
Written by `make reference` from `rules.csv` beside it, and from the tests' own marks.

| rule | what it says | code | shown by |
|---|---|---|---|
"""


class Rule(NamedTuple):
    """A rule: where it is in code, or why it is not."""

    id: str
    says: str
    code: str
    not_yet: str


def rules() -> list[Rule]:
    """Every rule, in the order of the product."""
    with SOURCE.open(encoding="utf-8", newline="") as file:
        return [Rule(**one) for one in csv.DictReader(file)]


def shown_by() -> Mapping[str, list[str]]:
    """By rule, the tests that are marked with it: file and name."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                for rule in _marks(node):
                    found[rule].append(f"{path.relative_to(ROOT)}::{node.name}")
    return found


def rules_page() -> str:
    """The page as it has to be."""
    tests = shown_by()
    return HEAD + "".join(f"{_row(rule, tests.get(rule.id, []))}\n" for rule in rules())


def _marks(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.rule":
            for argument in decorator.args:
                assert isinstance(argument, ast.Constant), "a rule is named by its id"
                yield str(argument.value)


def _row(rule: Rule, tests: list[str]) -> str:
    if rule.not_yet:
        return f"| {rule.id} | {rule.says} | – | not yet: {rule.not_yet} |"
    named = "<br>".join(f"`{test.rpartition('/')[2]}`" for test in tests)
    return f"| {rule.id} | {rule.says} | `{rule.code}` | {named} |"
