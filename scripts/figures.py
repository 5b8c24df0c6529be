"""The page of figures: each that a process gives to Prometheus, as the source defines it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = ("service", "eventlog", "consumers", "client", "web", "gateways", "cli")
KINDS: Final = ("Counter", "Gauge", "Histogram", "Info", "Summary")
PREFIX: Final = "ledger_"
EVERY_SERVICE: Final = "every service"

HEAD: Final = """\
# Figures

What each process gives at `/metrics`, beside the Python client's own (`process_…`, `python_…`).
A histogram `x` is read as `x_bucket`, `x_sum` and `x_count`. How to use them:
[watch the ledger](../how-to/watch-the-ledger.md). Written by `make reference` from the source.

| figure | kind | labels | is | told by |
|---|---|---|---|---|
"""


class Figure(NamedTuple):
    """A figure: its name as defined, what it is, and in which module of which service."""

    name: str
    kind: str
    says: str
    labels: tuple[str, ...]
    module: str

    @property
    def service(self) -> str:
        """Who tells it: the consumer it is defined in, or every service."""
        room, _, rest = self.module.partition(".")
        return rest.partition(".")[0] if room == "consumers" else EVERY_SERVICE

    @property
    def series(self) -> tuple[str, ...]:
        """The names by which a query finds it."""
        match self.kind:
            case "Histogram":
                return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))
            case "Info":
                return (f"{self.name}_info",)
            case "Counter":
                return (f"{self.name.removesuffix('_total')}_total",)
            case _:
                return (self.name,)


def figures() -> list[Figure]:
    """Every figure of the program, each service's own together, as they stand in the source."""
    found = [
        figure
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for figure in _defined_in(path)
    ]
    return sorted(found, key=lambda figure: figure.service)


def figures_page() -> str:
    """The page as it has to be."""
    return HEAD + "".join(f"{_row(figure)}\n" for figure in figures())


def _defined_in(path: Path) -> Iterator[Figure]:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(
                func=ast.Name(id=kind), args=[ast.Constant(str(name)), ast.Constant(str(says)), *_]
            ) if kind in KINDS and name.startswith(PREFIX):
                yield Figure(name, kind, says, _labels(node), module)
            case _:
                continue


def _labels(call: ast.Call) -> tuple[str, ...]:
    named = [keyword.value for keyword in call.keywords if keyword.arg == "labelnames"]
    for given in [*call.args[2:3], *named]:
        return tuple(ast.literal_eval(given))
    return ()


def _row(figure: Figure) -> str:
    labels = ", ".join(f"`{label}`" for label in figure.labels) or "–"
    name = figure.name if figure.kind == "Histogram" else figure.series[0]
    kind = figure.kind.lower()
    return f"| `{name}` | {kind} | {labels} | {figure.says} | {figure.service} |"
