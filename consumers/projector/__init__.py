"""The projector: folds the log of record into the read models, as it grows.

Owns the way from `wallet.events` to a committed batch of rows, and what happens when Postgres or
another projector gets in between. May use eventlog, projections, schemas, ledger and service.
Must never decide anything, trust a group's offset over the checkpoint, or skip an event.
"""
