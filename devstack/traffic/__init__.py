"""Demo traffic: a seed and a size become files of usage and commands that anyone can publish.

Owns what made-up tenants do. It may use nothing but the standard library and msgspec: the same
options give the same bytes on every machine. It never reads a clock: every time is milliseconds
relative to a start that is given at publishing, and usage lies before it.

Final balances do not depend on how topics interleave: publish phase by phase, each decided before
the next is sent. Phase 1 opens projects, fills wallets and asks for holds; phase 2 is all usage, in
the order in which it was sent; phase 3 tops up those who ran out, and asks for what has to be
refused.
"""

from devstack.traffic.files import DEMO, MANIFEST, Manifest, write
from devstack.traffic.generate import DEMO_OPTIONS, Options, generate
from devstack.traffic.lines import COMMANDS, TOPICS, USAGE, Line

__all__ = [
    "COMMANDS",
    "DEMO",
    "DEMO_OPTIONS",
    "MANIFEST",
    "TOPICS",
    "USAGE",
    "Line",
    "Manifest",
    "Options",
    "generate",
    "write",
]
