"""The shapes of every topic: Avro schemas with fixed ids, and the codec to the core's types.

Owns `<topic>/<version>.avsc` (never edited once published), `ids.toml`, the golden bytes, the
codec, the hash chain and the checks of evolution. May use the ledger's types.
Must never speak to Kafka, a registry or any other process, nor trust a byte it was given.
"""
