"""The one place that speaks Kafka.

Owns the topics' definitions and checks, every client setting, reading and writing the log, the
reply router, and the transactional driver with its take-over of partitions.
May touch Kafka, `schemas` and `service`.
Never decides anything about money, never looks into a record's value, never trusts a committed
group offset over the log.
"""
