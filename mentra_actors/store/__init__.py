"""The event store: ports, and the adapters that keep a log in LMDB or in memory."""
