"""Actors: each owns one stream, and runs on one of a few threads."""
