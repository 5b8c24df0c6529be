#!/bin/sh
# Make .venv hold exactly what requirements-dev.lock says; silent where it does already.
set -eu
cd "$(dirname "$0")/.."
here=$(pwd -P)

# Some machines set these for another Python; ours must see its own packages only.
unset PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX

stop() {
    echo "$*" >&2
    exit 1
}

# By what it says: a program that is no Python at all may end well, too.
suits() {
    [ "$("$1" -c 'import sys; print((3, 11) <= sys.version_info < (3, 14))' 2>/dev/null)" = True ]
}

asked_for() { [ -z "${PYTHON:-}" ] || [ "$("$1" --version)" = "$("$PYTHON" --version 2>&1)" ]; }

# 0 where .venv was made here, by the Python that was asked for: its programs name both.
is_ours() {
    suits .venv/bin/python && grep -qF "$here/.venv" .venv/pyvenv.cfg && asked_for .venv/bin/python
}

wanted() {
    cat pyproject.toml requirements-dev.lock .venv/pyvenv.cfg \
        scripts/build_native.py schemas/*.[ch] | cksum
}

if is_ours && [ "$(cat .venv/locked 2>/dev/null)" = "$(wanted)" ]; then
    exit 0
fi

# 1. The machine.
case "$(uname -s)-$(uname -m)" in
Linux-x86_64 | Linux-aarch64 | Darwin-x86_64 | Darwin-arm64) ;;
*) stop "$(uname -sm) is not supported: use Linux or macOS on x86-64 or arm64." ;;
esac

# 2. A Python of the right version that can make environments.
if [ -n "${PYTHON:-}" ] && suits "$PYTHON"; then
    set -- "$PYTHON"
else
    set -- python3.13 python3.12 python3.11 python3
fi
found='' without_venv=''
for candidate; do
    suits "$candidate" || continue
    if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
        found=$candidate
        break
    fi
    without_venv=${without_venv:-$candidate}
done
if [ -z "$found" ] && [ -n "$without_venv" ]; then
    package=$("$without_venv" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    stop "$without_venv cannot make virtual environments: run \`sudo apt-get install $package\`."
elif [ -z "$found" ] && [ "$(uname -s)" = Darwin ]; then
    stop "Python 3.11 to 3.13 is missing: run \`brew install python@3.13\`."
elif [ -z "$found" ]; then
    stop "Python 3.11 to 3.13 is missing: run \`sudo apt-get install python3 python3-venv\`."
fi
if [ -n "${PYTHON:-}" ] && ! suits "$PYTHON"; then
    stop "PYTHON=$PYTHON is no Python 3.11 to 3.13: run \`make PYTHON=$found …\` instead."
fi
if [ "$(uname -s)" = Linux ]; then
    "$found" -c 'import os; os.confstr("CS_GNU_LIBC_VERSION")' 2>/dev/null ||
        stop "This Linux uses musl, where Java and Postgres have no wheels: use one with glibc."
fi

# 3. The environment.
rm -f .venv/locked
if ! is_ours; then
    echo "Making .venv with $("$found" --version) …"
    "$found" -m venv --clear .venv
fi

# 4. The packages. Wheels only: building one from source would fetch what no lock names.
total=$(grep -c '^[a-z].*==' requirements-dev.lock)
echo "Installing $total locked packages (some 180 MB the first time, a minute or two) …"
.venv/bin/python -m pip install --disable-pip-version-check --no-input --progress-bar off \
    --require-hashes --only-binary :all: -r requirements-dev.lock >.venv/install.log 2>&1 &
pip=$!
trap 'kill "$pip" 2>/dev/null; exit 130' INT TERM
shown=0
while kill -0 "$pip" 2>/dev/null; do
    sleep 1
    seen=$(grep -cE '^(Collecting|Requirement already|Ignoring)' .venv/install.log || true)
    [ "$seen" = "$shown" ] || echo "  $seen of $total"
    shown=$seen
done
wait "$pip" || {
    if grep -q 'after connection broken' .venv/install.log; then
        missing=$(sed -n 's/^ERROR: No matching distribution found for //p' .venv/install.log)
        stop "${missing:-A package} could not be fetched, as the package index cannot be reached:" \
            "connect to the network, then run the same again."
    fi
    grep '^ERROR' .venv/install.log >&2 || true
    stop "The packages could not be installed (.venv/install.log): mend that, then run it again."
}

# 5. This checkout, without asking any index for anything; what is written in C, where that can be.
.venv/bin/python -m pip install --disable-pip-version-check --quiet \
    --no-build-isolation --no-deps --editable .
.venv/bin/python -c 'from schemas.native import IS_COMPILED; raise SystemExit(not IS_COMPILED)' ||
    echo "Without a C compiler and Python's headers the codec is all Python: the same, but slower."
wanted >.venv/locked
