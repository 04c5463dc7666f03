"""JSON as models are told it."""

import json

__all__ = ["told_json"]


def told_json(value: object, *, indent: int | None = None) -> str:
    """The words as they are: an escaped letter costs six times its tokens."""
    return json.dumps(value, indent=indent, ensure_ascii=False)
