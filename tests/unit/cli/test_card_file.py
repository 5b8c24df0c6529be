"""A rate card as a file: every fault by its line, and no price that was not meant."""

from pathlib import Path

import pytest

from cli.card_file import Fault, card_text, read_card_file
from cli.rates import changes
from ledger.rates import DEFAULT_CARD, RateLine

FROM_MS = 1_798_761_600_000
TEXT = card_text(DEFAULT_CARD, FROM_MS)


def faults(tmp_path: Path, text: str) -> list[Fault]:
    path = tmp_path / "card.yaml"
    path.write_text(text)
    return read_card_file(path).faults


def test_the_shipped_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(TEXT)
    read = read_card_file(path)
    assert read.faults == []
    assert read.draft is not None
    assert (read.draft.card_id, read.draft.effective_from_ms) == ("default", FROM_MS)
    own = tuple(RateLine(line.line, line.unit, line.price_micros) for line in DEFAULT_CARD.lines)
    assert read.draft.lines == own


# What is changed in the shipped card's file, and what is said of it.
FAULTS = [
    (("0.90", "0,90"), "22: calls.standard.success: '0,90' is not a price; write dollars"),
    (("0.90", "-0.90"), "22: calls.standard.success: a price lies between $0.00 and"),
    (("0.90", "0.0000001"), "22: calls.standard.success: '0.0000001' is not a price"),
    (("0.90", "[0.90]"), "22: calls.standard.success: '' is not a price"),
    (("    success: 0.90", "    sucess: 0.90"), "22: 'sucess' is none of calls.standard's lines"),
    (("  standard:", "  gold:"), "21: 'gold' is none of calls's lines: economy, standard, premium"),
    (("crawls:", "crawl:"), "'crawl' is none of card, effective_from, calls, crawls, chat"),
    (("card: default", "card: ''"), "7: card: a name of 1 to 64 characters"),
    (("T00:00Z", "T00:30Z"), "11: effective_from: 2027-01-01T00:30Z is not a full hour"),
    (("T00:00Z", "T00:00"), "11: effective_from: say which zone"),
    (("2027-01-01T00:00Z", "soon"), "11: effective_from: 'soon' is not a moment"),
    (("  hour: 1.00", "  hour: 1.00\n  hour: 2.00"), "crawls.hour stands there twice"),
    (("crawls:", "crawls: ["), "not YAML"),
]


@pytest.mark.parametrize(("change", "expected"), FAULTS)
def test_a_fault_is_told_by_its_line(
    tmp_path: Path, change: tuple[str, str], expected: str
) -> None:
    first, *_ = faults(tmp_path, TEXT.replace(*change, 1))
    assert expected in f"{first.line}: {first.message}"
    assert not first.is_warning


def test_a_price_that_is_missing_is_a_warning(tmp_path: Path) -> None:
    [only] = faults(tmp_path, TEXT.replace("  hour: 1.00", "  # hour: 1.00").replace("crawls:", ""))
    assert only.is_warning
    assert only.message.startswith("no price for crawls.hour: usage that needs it waits for review")


@pytest.mark.parametrize("text", ["", "- a\n", "card", "card: x\n"])
def test_what_is_no_card_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    assert any(not fault.is_warning for fault in faults(tmp_path, text))


def test_yes_and_no_and_clock_times_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(TEXT.replace("card: default", "card: no"))
    read = read_card_file(path)
    assert read.draft is not None
    assert read.draft.card_id == "no"


def test_every_line_that_changes_is_shown_with_its_difference() -> None:
    def card(**prices: int) -> list[RateLine]:
        return [RateLine(name, "call", micros) for name, micros in prices.items()]

    rows = changes(card(a=100, b=200, c=300, e=0), card(a=100, b=150, d=400, e=5))
    assert {row["line"]: row["change"] for row in rows} == {
        "a": "–",
        "b": "-25.0 %",
        "c": "no price any more",
        "d": "new",
        "e": "+$0.000005",
    }
