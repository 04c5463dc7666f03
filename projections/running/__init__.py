"""How views are kept up: pages of the log, checkpoints, rebuilding, the past, watchers."""
