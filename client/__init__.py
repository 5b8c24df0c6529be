"""What upstream imports: publish usage, ask for a hold or anything else, await the answer.

Owns nothing; the records it writes are those that `schemas` describes, so that any Kafka client in
any language can do the same. May use eventlog, schemas and the ledger's types.
Must never decide, price or remember anything: every answer is the ledger's own.
"""
