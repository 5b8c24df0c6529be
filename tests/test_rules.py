"""Every rule of the product is shown by a test, or is said not to be built yet."""

from functools import reduce
from importlib import import_module

from scripts.rules import ROOT, rules, rules_page, shown_by


def test_every_rule_that_is_built_is_shown_by_a_test_and_no_other_is() -> None:
    shown = shown_by()
    assert {rule.id for rule in rules() if not rule.not_yet} == set(shown)
    assert [rule.id for rule in rules() if bool(rule.code) is bool(rule.not_yet)] == []


def test_every_rule_is_told_once() -> None:
    ids = [rule.id for rule in rules()]
    assert len(set(ids)) == len(ids)


def test_the_code_that_a_rule_names_is_there() -> None:
    for rule in rules():
        if not rule.not_yet:
            assert found(rule.code), rule


def test_the_page_is_the_one_the_tests_make() -> None:
    page = ROOT / "docs" / "reference" / "rules.md"
    assert page.read_text(encoding="utf-8") == rules_page(), "run `make reference`"


def found(code: str) -> object:
    """What a dotted name stands for: a module, then what is in it."""
    parts = code.split(".")
    for length in range(len(parts), 0, -1):
        try:
            module = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        return reduce(getattr, parts[length:], module)
    raise AssertionError(f"no module of {code}")
