"""Recorders of the library `eventsourcing` on this store; only this package imports it."""
