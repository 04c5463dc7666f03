"""Calls of tools: planned, reviewed, run, undone."""
