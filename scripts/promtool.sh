#!/bin/sh
# Run promtool: the one that is installed, or the one in Debian's package `prometheus`, which is
# fetched into the user's cache, once, by whoever runs this; nothing is installed.
set -eu

apart() { apt-get -qq -o "Dir::State::lists=$scratch/lists" -o "Dir::Cache=$scratch/cache" "$@"; }

if command -v promtool >/dev/null; then
    exec promtool "$@"
fi

cache=${XDG_CACHE_HOME:-$HOME/.cache}/aitelier-ledger/prometheus
found=$cache/usr/bin/promtool
if [ ! -x "$found" ]; then
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        echo "promtool is missing: install Prometheus, with which it comes, and run it again." >&2
        exit 1
    fi
    mkdir -p "$cache"
    scratch=$(mktemp -d "$cache/fetching-XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    # Debian's user for downloads has to reach it.
    chmod 755 "$scratch"
    # With lists of packages of its own where the machine has none, which only root could renew.
    mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial"
    echo "Fetching Debian's package prometheus (19 MB), for promtool, once …" >&2
    (
        cd "$scratch"
        apt-get -qq download prometheus 2>/dev/null ||
            { apart update && apart download prometheus; }
        dpkg-deb --extract prometheus_*.deb unpacked
    ) >&2 || {
        echo "prometheus could not be fetched: connect to the network, or install it." >&2
        exit 1
    }
    mkdir -p "$cache/usr/bin"
    # Beside its place first, so that it appears there whole or not at all.
    mv "$scratch/unpacked/usr/bin/promtool" "$cache/usr/bin/promtool"
    rm -rf "$scratch"
    trap - EXIT
fi
exec "$found" "$@"
