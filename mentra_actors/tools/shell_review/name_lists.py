"""Lists of names, written as a text."""

__all__ = ["names_of"]


def names_of(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())
