"""The `ledger` program: what people and machines type to run, ask and watch the ledger.

Owns the commands, the configuration, the wiring of every other package, and what a person reads.
May touch everything below, the environment and the terminal.
Must never decide anything about money, nor hold logic that a service needs: it only starts it.
"""
