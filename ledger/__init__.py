"""The pure core: money, rates, usage rules, the wallet and `decide`.

Owns every rule of the product. May use the standard library, `eventsourcing` and `msgspec`.
Must never do I/O, read a clock, draw a random number, look at the environment or speak bytes:
time, ids and prices come in as arguments.
"""
