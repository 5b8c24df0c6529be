"""`python3 scripts/compose_secrets.py [FOLDER]`: the secrets of docker-compose.yml, made once.

Needs no .venv. What is there stays as it is: a changed password would not be the database's.
"""

import os
import secrets
import sys
from pathlib import Path

HOST = "postgres:5432/ledger"


def wanted() -> dict[str, str]:
    """Each file's name and text, all passwords new."""
    owner, projector, operator, grafana = (secrets.token_hex(24) for _ in range(4))
    return {
        "postgres_password": owner,
        "database_url": f"postgresql://postgres:{owner}@{HOST}",
        "projector_database_url": f"postgresql://ledger_projector:{projector}@{HOST}",
        "operator_database_url": f"postgresql://ledger_operator:{operator}@{HOST}",
        "grafana_password": grafana,
    }


def write(folder: Path) -> list[str]:
    """Make the files; all of them, or none where any is there already: they belong together."""
    files = wanted()
    if any((folder / name).exists() for name in files):
        missing = sorted(name for name in files if not (folder / name).exists())
        if missing:
            raise SystemExit(f"{folder} lacks {', '.join(missing)}: restore them, or begin anew")
        return []
    # The folder keeps others out. The files are open inside it: the containers' users read them.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in files.items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        (folder / name).chmod(0o444)
    return list(files)


if __name__ == "__main__":
    home = Path(sys.argv[1] if len(sys.argv) > 1 else "secrets")
    made = write(home)
    print(f"Made {', '.join(made)} in {home}" if made else f"{home} has them all already")
