"""`make faults`: every fault on the real parts, how long recovery took, and whether all is there.

    python -m tests.faults [--list] [--scenario NAME …] [--without NAME …] [--repeat N]
                           [--json FILE] [--keep FOLDER]

NAME is the beginning of a scenario's name. Exit code 1 if a check failed, 2 if this machine lacks
what a scenario needs.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from devstack.stack import Stack
from tests.faults.machines import Missing
from tests.faults.run import Failed
from tests.faults.scenarios import SCENARIOS, Scenario

NOT_PLAYED, HELD, BROKEN = "not played", "held", "BROKEN"
NAME_WIDTH: Final = 34
EXIT_CODES: Final = {HELD: 0, BROKEN: 1, NOT_PLAYED: 2}


@dataclass
class Result:
    """What came of a scenario, over its repeats."""

    scenario: Scenario
    verdict: str = HELD
    why: str = ""
    runs: int = 0
    took_s: float = 0.0
    recovery_s: list[float] = field(default_factory=list[float])

    @property
    def row(self) -> str:
        """A line of the table."""
        figures = "        -        -"
        if self.recovery_s:
            figures = f"{median(self.recovery_s):9.2f}{max(self.recovery_s):9.2f}"
        return f"{self.scenario.name:{NAME_WIDTH}}{self.runs:5}{figures}  {self.verdict}"

    @property
    def figures(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "scenario": self.scenario.name,
            "happens": self.scenario.happens,
            "verdict": self.verdict,
            "why": self.why,
            "runs": self.runs,
            "took_s": round(self.took_s, 1),
            "recovery_s": [round(one, 3) for one in self.recovery_s],
        }


def main() -> int:
    """Play, print, judge."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", action="store_true", help="say what there is, and do nothing")
    parser.add_argument("--scenario", action="append", default=[], metavar="NAME")
    parser.add_argument("--without", action="append", default=[], metavar="NAME")
    parser.add_argument("--repeat", type=int, default=1, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="logs of what failed go here")
    asked = parser.parse_args()
    chosen = [
        one
        for one in SCENARIOS
        if one.name.startswith(tuple(asked.scenario) or "")
        and not one.name.startswith(tuple(asked.without))
    ]
    if asked.list or not chosen:
        for one in SCENARIOS:
            print(f"{one.name:{NAME_WIDTH}}{one.happens}")
        return 0 if asked.list else 2
    with tempfile.TemporaryDirectory(prefix="ledger-faults-") as folder:
        results = _play(chosen, asked.repeat, Path(folder), asked.keep)
    _tell(results)
    if asked.json:
        text = json.dumps([one.figures for one in results], indent=2)
        asked.json.write_text(text + "\n")
    verdicts = {one.verdict for one in results}
    return min((EXIT_CODES[one] for one in verdicts if one != HELD), default=0)


def _play(chosen: Sequence[Scenario], repeat: int, folder: Path, keep: Path | None) -> list[Result]:
    results = [Result(one) for one in chosen]
    with Stack(folder / "stack") as stack:
        stack.start(_say)
        for number, result in enumerate(results, 1):
            scenario = result.scenario
            _say(f"{number}/{len(results)} {scenario.name}: {scenario.happens}")
            for run in range(repeat):
                place = folder / f"{number}-{run}"
                _play_once(result, stack, place)
                if result.verdict == BROKEN and keep is not None:
                    shutil.copytree(place, keep / place.name, ignore=_but_logs)
                shutil.rmtree(place, ignore_errors=True)
                if result.verdict != HELD:
                    _say(f"    {result.verdict}: {result.why}")
                    break
            _say(f"    {result.row.strip()}, {result.took_s:.0f} s")
            _mend(stack)
    return results


def _play_once(result: Result, stack: Stack, place: Path) -> None:
    began_s = time.monotonic()
    try:
        result.recovery_s += result.scenario.play(stack, place)
    except Missing as missing:
        result.verdict, result.why = NOT_PLAYED, str(missing)
    except Failed as failed:
        result.verdict, result.why = BROKEN, str(failed)
    except Exception:  # noqa: BLE001 - whatever it is, the others are played
        result.verdict, result.why = BROKEN, traceback.format_exc()
    result.runs += 1
    result.took_s += time.monotonic() - began_s


def _mend(stack: Stack) -> None:
    """Start what a failed scenario left dead or stopped, for the next one."""
    for store in (stack.kafka, stack.postgres):
        pid = store.process.pid
        if store.process.running and pid is not None:
            os.kill(pid, signal.SIGCONT)
        else:
            store.start()


def _but_logs(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if not name.endswith(".log") and Path(folder, name).is_file()}


def _tell(results: list[Result]) -> None:
    print(f"\n{'scenario':{NAME_WIDTH}}{'runs':>5}{'p50 s':>9}{'max s':>9}  verdict")
    for one in results:
        print(one.row)
    for one in results:
        if one.verdict != HELD:
            print(f"\n{one.scenario.name}: {one.verdict}\n{one.why}")
    held, took_s = sum(one.verdict == HELD for one in results), sum(one.took_s for one in results)
    print(f"\n{held} of {len(results)} scenarios held, in {took_s / 60:.0f} minutes.")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
