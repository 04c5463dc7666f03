"""Supervision: what needs a person, and what people have said about it."""
