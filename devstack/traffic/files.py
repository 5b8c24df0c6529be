"""Lines become files: one for each topic, and a manifest that says what they are."""

from collections import Counter
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from devstack.traffic.generate import Options, generate
from devstack.traffic.lines import DAY_MS, TOPICS, USAGE

DEMO: Final = Path(__file__).parent.parent / "demo"
MANIFEST: Final = "manifest.json"
HOURS: Final = 24


class Manifest(msgspec.Struct, frozen=True):
    """What the files were made from, how many lines of each kind, and each file's SHA-256.

    `by_hour` counts usage by the hour of the day, counted from the start, in which it was sent.
    """

    options: Options
    counts: dict[str, int]
    by_hour: tuple[int, ...]
    sha256: dict[str, str]


def write(folder: Path, options: Options) -> Manifest:
    """Write `<topic>.jsonl` for each topic, and the manifest."""
    counts, by_hour = Counter[str](), [0] * HOURS
    hashes = {topic: sha256() for topic in TOPICS}
    encode = msgspec.json.Encoder().encode
    with ExitStack() as opened:
        files = {topic: opened.enter_context(_path(folder, topic).open("wb")) for topic in TOPICS}
        for at_ms, topic, line, kind in generate(options):
            text = encode(line) + b"\n"
            files[topic].write(text)
            hashes[topic].update(text)
            counts[kind] += 1
            if topic in USAGE and at_ms:
                by_hour[at_ms % DAY_MS * HOURS // DAY_MS] += 1
    manifest = Manifest(
        options,
        dict(sorted(counts.items())),
        tuple(by_hour),
        {f"{topic}.jsonl": found.hexdigest() for topic, found in hashes.items()},
    )
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / MANIFEST).write_bytes(text + b"\n")
    return manifest


def _path(folder: Path, topic: str) -> Path:
    return folder / f"{topic}.jsonl"
