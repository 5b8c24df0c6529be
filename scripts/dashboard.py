"""Write Grafana's dashboard from the questions it answers, row by row."""

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
PATH: Final = ROOT / "ops" / "grafana" / "dashboards" / "ledger.json"
SOURCE: Final = {"type": "prometheus", "uid": "prometheus"}
WIDTH: Final = 24
HEIGHT: Final = 7


class Panel(NamedTuple):
    """A question, and the queries that answer it: expression and legend of each."""

    title: str
    unit: str
    queries: dict[str, str]
    kind: str = "timeseries"


def rate(figure: str, by: str) -> str:
    """How often a second, over what a person still sees as now."""
    return f"sum by ({by}) (rate({figure}[1m]))"


def quantile(which: float, figure: str) -> str:
    """A quantile of a histogram over all processes."""
    return f"histogram_quantile({which}, sum by (le) (rate({figure}_bucket[5m])))"


def mean(figure: str, by: str) -> str:
    """A histogram's mean since the process started: what is rare is seen too."""
    return f"sum by ({by}) ({figure}_sum) / sum by ({by}) ({figure}_count)"


ROWS: Final[dict[str, list[Panel]]] = {
    "Is everything there?": [
        Panel(
            "Partitions without a processor",
            "none",
            {
                "max(ledger_partitions) - (sum(ledger_partitions_served) or vector(0))": "",
            },
            "stat",
        ),
        Panel("Partitions refused", "none", {"sum(ledger_partitions_refused)": ""}, "stat"),
        Panel("Processes", "none", {"sum by (job) (up)": "{{job}}"}, "stat"),
        Panel("Not ready", "none", {"count(ledger_process_ready == 0) or vector(0)": ""}, "stat"),
        Panel(
            "Versions",
            "none",
            {"count by (service, version) (ledger_process_info)": "{{service}} {{version}}"},
            "stat",
        ),
    ],
    "Do those who ask get answers?": [
        Panel(
            "Holds a second",
            "reqps",
            {
                'sum by (kind) (rate(ledger_events_total{kind=~"Hold.*|Spend.*"}[1m]))': "{{kind}}",
            },
        ),
        Panel(
            "Refusals a second", "reqps", {rate("ledger_refusals_total", "reason"): "{{reason}}"}
        ),
        Panel(
            "Commands that wait",
            "none",
            {
                'max by (partition) (ledger_input_lag{topic="wallet.commands"})': "{{partition}}",
            },
        ),
        Panel(
            "From begin to merge of a batch, and its commit",
            "s",
            {
                quantile(0.5, "ledger_batch_seconds"): "batch p50",
                quantile(0.99, "ledger_batch_seconds"): "batch p99",
                quantile(0.5, "ledger_commit_seconds"): "commit p50",
                quantile(0.99, "ledger_commit_seconds"): "commit p99",
            },
        ),
    ],
    "Is usage charged?": [
        Panel(
            "Inputs a second", "reqps", {rate("ledger_inputs_total", "partition"): "{{partition}}"}
        ),
        Panel(
            "Usage that waits",
            "none",
            {
                "sum by (topic) (max by (topic, partition)"
                ' (ledger_input_lag{topic!="wallet.commands"}))': "{{topic}}",
                "sum(ledger_partitions_paused)": "partitions paused",
                "sum(ledger_intake_paused)": "intakes paused by operators",
            },
        ),
        Panel(
            "Events a second",
            "reqps",
            {
                rate("ledger_events_total", "kind"): "{{kind}}",
                "sum(rate(ledger_outputs_total[1m]))": "all records",
            },
        ),
        Panel(
            "Inputs in a batch",
            "none",
            {
                quantile(0.5, "ledger_batch_inputs"): "p50",
                quantile(0.99, "ledger_batch_inputs"): "p99",
            },
        ),
        Panel(
            "Set aside, and repeated, in an hour",
            "none",
            {
                "sum by (source, code) (increase(ledger_dead_letters_total[1h]))": "{{source}}: {{code}}",
                "sum(increase(ledger_repeats_total[1h]))": "repeats",
            },
        ),
    ],
    "Does time go on, and do owners change quietly?": [
        Panel(
            "Age of a partition's time",
            "s",
            {"time() - max by (partition) (ledger_logical_time_seconds)": "{{partition}}"},
        ),
        Panel(
            "Ticks a second",
            "reqps",
            {
                "sum(rate(ledger_ticks_total[1m]))": "acknowledged",
                "sum(rate(ledger_ticks_failed_total[1m]))": "rounds failed",
            },
        ),
        Panel(
            "Taking a partition over, and reading it back",
            "s",
            {
                mean("ledger_take_over_seconds", "instance"): "{{instance}}",
                mean("ledger_restore_seconds", "instance"): "{{instance}} restore",
            },
        ),
        Panel(
            "Batches aborted in an hour",
            "none",
            {"sum by (instance) (increase(ledger_batches_aborted_total[1h]))": "{{instance}}"},
        ),
    ],
    "Are the read models fresh?": [
        Panel(
            "Records behind the log",
            "none",
            {"min by (partition) (ledger_projection_lag)": "{{partition}}"},
        ),
        Panel(
            "Age of what was folded in last",
            "s",
            {"min by (partition) (ledger_projection_lag_seconds)": "{{partition}}"},
        ),
        Panel(
            "Writing a batch",
            "s",
            {
                quantile(0.5, "ledger_projected_batch_seconds"): "p50",
                quantile(0.99, "ledger_projected_batch_seconds"): "p99",
            },
        ),
        Panel(
            "Events folded in a second, and checkpoints",
            "none",
            {
                "sum(rate(ledger_projected_events_total[1m]))": "events",
                "sum(deriv(ledger_projection_next_offset[1m]))": "offsets",
            },
        ),
        Panel(
            "Batches given up in an hour",
            "none",
            {
                "sum(increase(ledger_projections_cut_total[1h]))": "Postgres did not take them",
                "sum(increase(ledger_projections_overtaken_total[1h]))": "another was quicker",
            },
        ),
    ],
    "What waits for people?": [
        Panel(
            "Open",
            "none",
            {
                "max(ledger_reviews_open)": "reviews",
                "max(ledger_approvals_open)": "approvals",
                "max(ledger_wallets_in_arrears)": "wallets in arrears",
            },
        ),
        Panel("Arrears", "currencyUSD", {"max(ledger_arrears_micros) / 1000000": "owed"}),
        Panel(
            "Versions of rate cards adopted",
            "none",
            {"max by (partition) (ledger_cards_adopted)": "{{partition}}"},
        ),
    ],
}


def dashboard() -> str:
    """The dashboard as Grafana reads it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS.items():
        panels.append(_row(title, y))
        width = WIDTH // len(row)
        panels += [_panel(panel, place * width, y + 1, width) for place, panel in enumerate(row)]
        y += HEIGHT + 1
    for number, panel in enumerate(panels, start=1):
        panel["id"] = number
    made = {
        "uid": "ledger",
        "title": "Ledger",
        "tags": ["ledger"],
        "timezone": "utc",
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "panels": panels,
    }
    return json.dumps(made, indent=1) + "\n"


def rules() -> str:
    """Its queries as rules, so that promtool can say whether each is one."""
    asked = [query for row in ROWS.values() for panel in row for query in panel.queries]
    recorded = [
        {"record": f"dashboard:query:{number}", "expr": query} for number, query in enumerate(asked)
    ]
    return json.dumps({"groups": [{"name": "dashboard", "rules": recorded}]})


def _row(title: str, y: int) -> dict[str, Any]:
    at = {"x": 0, "y": y, "w": WIDTH, "h": 1}
    return {"type": "row", "title": title, "collapsed": False, "gridPos": at, "panels": []}


def _panel(panel: Panel, x: int, y: int, width: int) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": width, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "expr": expression, "legendFormat": legend}
            for place, (expression, legend) in enumerate(panel.queries.items())
        ],
    }


def main() -> None:
    """Write it anew."""
    PATH.write_text(dashboard(), encoding="utf-8")


if __name__ == "__main__":
    main()
