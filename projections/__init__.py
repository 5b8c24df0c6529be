"""Read models in Postgres: what the log says, in tables that people and pages can ask.

Owns the tables, their folds and queries, the migrations, and every connection to Postgres.
May use Postgres and the ledger's types; writes only through `projections.projection`.
Must never decide anything about money, read a clock, or talk to Kafka: a fold is a function of
the log, so that any table can be built again beside the live one and compared row by row.
"""
