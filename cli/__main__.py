"""`python -m cli` is `ledger`: how the program starts itself as a service's process."""

from cli.main import main

main()
