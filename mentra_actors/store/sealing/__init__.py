"""Payloads made small and secret: compression, encryption, and keys that can be forgotten."""
