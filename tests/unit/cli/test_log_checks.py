"""How the doctor puts what it found: a few by name, the rest by number, each with a remedy."""

from cli import log_checks
from cli.findings import State
from eventlog.topics import Drift


def test_a_few_are_named_and_the_rest_counted() -> None:
    assert log_checks.named(map(str, range(4))) == "0, 1, 2, 3"
    assert log_checks.named(map(str, range(9))) == "0, 1, 2, 3 and 5 more"


def test_settings_that_differ_are_told_with_what_they_must_be() -> None:
    finding = log_checks.settings_of_topics([Drift("g1.usage.calls", "retention.ms", "1", "2")])
    assert (finding.state, finding.found) == (
        State.FAILED,
        "g1.usage.calls retention.ms: 2, not 1",
    )
    assert "ledger topics check" in finding.remedy


def test_missing_topics_come_before_all_that_differs_in_others() -> None:
    drift = [Drift("a", "topic", "present", "missing"), Drift("b", "retention.ms", "1", "2")]
    finding = log_checks.settings_of_topics(drift)
    assert (finding.found, finding.remedy) == ("missing: a", "`ledger topics create`")
