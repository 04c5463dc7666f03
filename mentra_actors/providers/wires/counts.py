"""Counts and prices in the JSON of servers; one that cannot be counts as not said."""

from mentra_actors.domain.model_call import MOST_TOKENS
from mentra_actors.providers.json_access import Json, number_of, whole_of

__all__ = ["cost_of", "count_of", "size_of"]

_MICROS = 1_000_000


def count_of(usage: Json, name: str) -> int:
    """A number of tokens, 0 where it is missing or impossible."""
    count = whole_of(usage, name)
    return count if 0 <= count <= MOST_TOKENS else 0


def size_of(entry: Json, name: str) -> int | None:
    """A number of tokens above 0, None where it is missing or impossible."""
    size = number_of(entry, name)
    return int(size) if size is not None and 1 <= size <= MOST_TOKENS else None


def cost_of(usage: Json) -> int | None:
    """The price that the server names in `cost`, in millionths of a US dollar."""
    cost = number_of(usage, "cost")
    if cost is None or not 0 <= cost < MOST_TOKENS:
        return None
    return round(cost * _MICROS)
