"""The embedded store: one LMDB file, written by one process, read by many."""
