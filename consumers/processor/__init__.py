"""The processor: the one writer of each partition's wallets.

Owns the way from input records to output records (`step`), the restore from the log, and the
wiring of both to the event log's transactional driver. May use eventlog, schemas, ledger, service.
Must never decide by a clock, nor ask any reader or database for a decision.
"""
