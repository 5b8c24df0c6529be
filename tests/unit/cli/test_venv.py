"""What `make` says of a Python that cannot be used, before anything is made."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.checkout import ROOT


@pytest.mark.parametrize("python", ["/bin/true", "/bin/echo", "no-such-python"])
def test_a_program_that_is_no_suitable_python_is_refused_with_what_to_run(
    python: str, tmp_path: Path
) -> None:
    for name in ("scripts/venv.sh", "pyproject.toml", "requirements-dev.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    done = subprocess.run(
        ["sh", "scripts/venv.sh"],
        cwd=tmp_path,
        env={**os.environ, "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"PYTHON={python} is no Python 3.11 to 3.13: run `make PYTHON=python3" in done.stderr
    assert not (tmp_path / ".venv").exists()
