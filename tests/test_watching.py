"""What watches the ledger fits it: rules, dashboard and runbooks name what the program has.

That the rules fire when they should is for promtool to say: `make alerts`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from ruamel.yaml import YAML

from cli.run import run
from scripts import dashboard
from scripts.figures import figures
from tests.checkout import ROOT

PROMETHEUS: Final = ROOT / "ops" / "prometheus"
GRAFANA: Final = ROOT / "ops" / "grafana"
RUNBOOKS: Final = ROOT / "docs" / "runbooks"

OTHERS: Final = {"up", "process_start_time_seconds", "ALERTS"}
"""Series that Prometheus or its client tell, not we."""
OF_TARGETS: Final = {"job", "instance", "le", "alertname", "alertstate"}
"""Labels that every series has, or that Prometheus makes."""
WORDS: Final = {
    "absent", "and", "by", "changes", "count", "deriv", "histogram_quantile", "increase", "max",
    "min", "offset", "or", "rate", "sum", "time", "unless", "vector",
}  # fmt: skip
"""What PromQL itself says in our queries."""

SECTIONS: Final = ["What is seen", "Why it matters", "Look at", "Do", "Over when"]
SEVERITIES: Final = {"page", "ticket"}


class Alert(NamedTuple):
    """A rule that fires."""

    name: str
    expression: str
    severity: str
    annotations: dict[str, str]


class Query(NamedTuple):
    """Something asked of Prometheus, and where."""

    place: str
    text: str

    @property
    def series(self) -> set[str]:
        """The names of the series it asks for."""
        return set(re.findall(r"\b[a-zA-Z_]+\b", self._bare)) - WORDS

    @property
    def labels(self) -> set[str]:
        """The labels it chooses or groups by."""
        chosen = re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)\s*\"", self.text)
        grouped = re.findall(r"\bby \(([^)]*)\)", self.text)
        return {*chosen, *(name.strip() for names in grouped for name in names.split(","))}

    @property
    def _bare(self) -> str:
        """Without what is in quotes, braces, brackets, groupings, and without numbers."""
        return re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)|\b\d+\w*\b", " ", self.text)


def read(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    return YAML(typ="safe").load(text)  # pyright: ignore[reportUnknownMemberType]


def alerts() -> list[Alert]:
    [group] = read(PROMETHEUS / "alerts.yml")["groups"]
    return [
        Alert(rule["alert"], rule["expr"], rule["labels"]["severity"], rule["annotations"])
        for rule in group["rules"]
    ]


def asked_by_dashboards() -> Iterator[Query]:
    for path in sorted((GRAFANA / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                place = f"{path.name}: {panel['title']}, {target['refId']}"
                yield Query(place, target["expr"])


ALERTS: Final = alerts()
QUERIES: Final = [
    *(Query(alert.name, alert.expression) for alert in ALERTS),
    *asked_by_dashboards(),
]
LABELS: Final = {name: set(figure.labels) for figure in figures() for name in figure.series} | {
    "ledger_process_info": {"service", "instance", "version"}
}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.place)
def test_a_query_asks_for_what_the_program_tells(query: Query) -> None:
    ours = query.series - OTHERS
    assert query.series
    assert ours - LABELS.keys() == set()
    assert query.labels - OF_TARGETS - {label for name in ours for label in LABELS[name]} == set()


def test_every_figure_is_looked_at() -> None:
    asked = {name for query in QUERIES for name in query.series}
    assert [figure.name for figure in figures() if asked.isdisjoint(figure.series)] == []


def test_the_dashboard_is_fresh() -> None:
    written = dashboard.PATH.read_text(encoding="utf-8")
    assert written == dashboard.dashboard(), "run `make reference`"


def test_the_dashboard_finds_its_source() -> None:
    [source] = read(GRAFANA / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
    assert (source["type"], source["uid"]) == tuple(dashboard.SOURCE.values())


def test_every_service_that_decides_or_folds_is_scraped() -> None:
    config = read(PROMETHEUS / "prometheus.yml")
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    # Tools ask the schema endpoint, on their own machine; the ledger runs without it.
    assert jobs == set(run.commands) - {"schemas-endpoint"}
    assert config["rule_files"] == ["alerts.yml"]


# ── Alerts and their runbooks ──


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    named = {ROOT / alert.annotations["runbook"] for alert in ALERTS}
    assert named == set(RUNBOOKS.glob("*.md")) - {RUNBOOKS / "README.md"}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_a_runbook_tells_all_that_somebody_needs_who_was_just_woken(alert: Alert) -> None:
    text = (ROOT / alert.annotations["runbook"]).read_text(encoding="utf-8")
    assert text.startswith(f"# {alert.name}: ")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    parts = re.split(r"^## .*$", text, flags=re.MULTILINE)[1:]
    assert all(len(part.split()) > 3 for part in parts)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_the_list_of_runbooks_tells_how_urgent_an_alert_is(alert: Alert) -> None:
    assert alert.severity in SEVERITIES
    name = Path(alert.annotations["runbook"]).name
    row = f"| [{alert.name}]({name}) | {alert.severity} |"
    assert row in (RUNBOOKS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_is_shown_to_be_quiet_and_to_fire(alert: Alert) -> None:
    asked = f'count(ALERTS{{alertname="{alert.name}", alertstate="firing"}})'
    shown = [
        bool(test["exp_samples"])
        for group in read(PROMETHEUS / "alerts_test.yml")["tests"]
        for test in group["promql_expr_test" if "promql_expr_test" in group else "alert_rule_test"]
        if test.get("expr") == asked
    ]
    assert set(shown) == {False, True}
