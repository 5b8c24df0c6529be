"""Write the golden file of each topic's newest schema, if it has none: a published one stays.

python -m tests.unit.schemas.write_golden
"""

import json

from schemas.catalogue import latest
from tests.unit.schemas import avro
from tests.unit.schemas.examples import EXAMPLES
from tests.unit.schemas.test_golden import FOLDER, shown


def main() -> None:
    """Write what is missing, and say so."""
    for topic in avro.TOPICS:
        newest = latest(topic)
        path = FOLDER / topic / f"{newest.version}.json"
        if path.exists():
            continue
        written = {name: avro.encode(topic, example) for name, example in EXAMPLES[topic].items()}
        values = {
            name: {"value": shown(newest, value), "bytes": value.hex()}
            for name, value in written.items()
        }
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(path)  # noqa: T201


if __name__ == "__main__":
    main()
