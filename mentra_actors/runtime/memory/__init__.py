"""Memories beyond conversations: recorded, found, imported, made into vectors."""
