"""The stack of one machine: Kafka, Postgres and what else production has, without Docker.

Owns the processes it starts, their data folder, their logs, and the cache of what they are made of.
May touch that folder, the cache and loopback; fetches only what `kafka-jars.lock` names.
Never knows what the topics and tables hold; never imports the ledger or any service.
"""
