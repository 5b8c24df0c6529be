#!/bin/sh
# Build the wheel, install it elsewhere as production does, and run it from outside the checkout.
set -eu
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT

echo "Building the wheel and installing it elsewhere, with requirements.lock only …"
"$python" -m pip wheel --disable-pip-version-check --quiet --no-deps --no-build-isolation \
    --wheel-dir "$elsewhere" .
"$python" -m venv "$elsewhere/venv"
pip() { "$elsewhere/venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }
pip install --require-hashes --only-binary :all: -r requirements.lock
pip install --no-deps "$elsewhere"/*.whl

cd "$elsewhere"
venv/bin/ledger --help >help.txt
head -n 3 help.txt
