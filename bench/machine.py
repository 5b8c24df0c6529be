"""The machine a run was made on, and how much processor time each process has used."""

import os
import platform
from pathlib import Path

import confluent_kafka

from schemas.native import IS_COMPILED


def facts() -> dict[str, object]:
    """What two runs must share to be compared, and how busy the machine was before."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "codec": "compiled" if IS_COMPILED else "all Python",
        "librdkafka": confluent_kafka.libversion()[0],
        "load_before": round(os.getloadavg()[0], 2),
    }


def cpu_s(pid: int) -> float:
    """Seconds of processor time of a running process; 0 where the system does not tell."""
    try:
        # The command's name, in parentheses, may itself hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")
