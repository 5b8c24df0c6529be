"""The long-running services: each reads the log or the clock, and does one thing about it.

Owns the shells around what decides and folds: processor, projector, ticker.
May use eventlog, projections, gateways, schemas, ledger and service; only `cli` starts them.
Must never import one another, nor hold a rule about money.
"""
