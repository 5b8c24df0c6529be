# The commands of the project; most make .venv first, from the lock file.
# KEEP=1 leaves the demo running. PYTHON=python3.12 chooses the Python of .venv.
.DEFAULT_GOAL := help
.PHONY: help demo test unit registry faults bench check style types architecture locked wheel alerts
.PHONY: lock reference clean venv

PY := .venv/bin/python

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

demo: venv ## Kafka, Postgres, all services and recorded usage (KEEP=1 stays up)
	@.venv/bin/ledger demo $(if $(KEEP),--keep)

test: venv ## all tests, on a real Kafka and Postgres, but those of `registry`
	@$(PY) -m pytest -q -n 2 --dist loadfile -m 'not apicurio'

unit: venv ## the tests that need no Kafka and no Postgres
	@$(PY) -m pytest -q -m 'not stack and not apicurio'

registry: venv ## the tests on a production schema registry (fetches 159 MB, once)
	@$(PY) -m pytest -q -m apicurio

faults: venv ## every fault on the real parts, with recovery times (half an hour)
	@$(PY) -m tests.faults

bench: venv ## throughput against the limit of the machine
	@$(PY) -m bench

check: style types architecture locked wheel ## all that must hold before the tests

style: venv ## format and lint
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .

types: venv ## strict type check, tests included
	$(PY) -m basedpyright

architecture: venv ## who may import whom
	$(PY) -m pytest -q tests/test_architecture.py

locked: venv ## the lock files fit pyproject.toml
	$(PY) scripts/lock.py --check

wheel: venv ## the wheel works elsewhere, with production's packages only
	@sh scripts/check_wheel.sh

alerts: venv ## alert rules and queries, by promtool (fetched once where it is not installed)
	@sh scripts/promtool.sh check config ops/prometheus/prometheus.yml
	@cd ops/prometheus && sh ../../scripts/promtool.sh test rules alerts_test.yml
	@$(PY) -c 'from scripts import dashboard; print(dashboard.rules())' | \
		sh scripts/promtool.sh check rules /dev/stdin

lock: venv ## write the lock files anew
	$(PY) scripts/lock.py

reference: venv ## write the pages of docs that follow from what exists
	$(PY) -m scripts.reference
	$(PY) -m schemas.reference
	$(PY) -m scripts.dashboard

clean: ## remove what these commands made here (the user's cache stays)
	rm -rf .venv .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist

venv:
	@sh scripts/venv.sh
