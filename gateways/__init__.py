"""The outside: what this project asks of servers that are not its own.

Owns how each of them is spoken to, and what its failures mean to us.
May touch the network, where its caller says.
Never decides anything about money, reads the configuration, or speaks to Kafka or Postgres.
"""
