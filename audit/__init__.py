"""What auditors ask of the log of record: so far, whether every value of it still holds.

Owns verification; replay, re-rating and signed exports belong here too. May use eventlog, schemas,
ledger, and rows it is handed. Must never write to the log, nor trust what it verifies.
"""
