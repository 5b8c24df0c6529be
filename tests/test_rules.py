"""Every rule of the product is shown by a test, or is said not to be built yet."""

from functools import reduce
from importlib import import_module

from scripts.rules import ROOT, rules, rules_page, shown_by


def test_every_rule_that_is_built_is_shown_by_a_test_and_no_other_is() -> None:
    shown = shown_by()
    assert {rule.id for rule in rules() if not rule.not_yet} == set(shown)
    assert [rule.id for rule in rules() if bool(rule.code) is bool(rule.not_yet)] == []


CLAUSES = {
    "wallet": "one top-up expiry refund auto-top-up",
    "prices": "outcome overage aborted crawls chats missing zero examples",
    "chats": "late held",
    "cards": "versions tenants",
    "sandbox": "simulated switch earlier operator passing hold",
    "postpay": "invoice limit",
    "tab": "billing no-cost",
    "tax": "treatment documents signed-csv",
    "1": "amounts cents",
    "2": "figures lowered-limit shown",
    "3": "hold without-amount any-order named",
    "4": "arrears collected write-off",
    "5": "disputes",
    "6": "once unique content window",
    "7": "periods",
    "8": "refunds",
    "9": "numbers",
    "10": "tax",
    "11": "times either",
    "12": "amend mode-and-card give-back chats waits undecided chains once invoiced written-off",
    "13": "lines highest-once refusing low-balance outside",
    "14": "auto-top-up",
    "15": "lots",
    "16": "switching",
    "17": "overdue",
    "18": "freeze close closed dormant",
    "19": "order",
    "20": "reason second-operator undo",
    "review": "decide",
    "usage": "contract fields newer",
    "analysts": "replay",
}
"""What the product says, section by section and decision by decision: each clause by its name."""


def test_every_clause_of_the_product_is_on_the_list_and_no_other() -> None:
    wanted = {f"{part}.{clause}" for part, named in CLAUSES.items() for clause in named.split()}
    assert {rule.id for rule in rules()} == wanted
    assert [str(number) for number in range(1, 21) if str(number) not in CLAUSES] == []


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
