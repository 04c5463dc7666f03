"""Where views are kept: in memory, in LMDB, in SQL databases."""
