"""How directories of ours beside a store are known, whoever finds them and under whatever name."""

__all__ = ["OWN_MARK"]

OWN_MARK = ".mentra-actors"
"""A file in each of them. No file tool touches what is below, and none can make such a file."""
