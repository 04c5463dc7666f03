"""From the fields of an older tag to those of its successor, on reading.

An upcaster takes the decoded fields of a stored event and returns the tag that replaces its own
and the new fields. It runs again if that tag has an upcaster too.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

__all__ = ["UPCASTERS", "Upcaster"]

Upcaster: TypeAlias = Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]

UPCASTERS: Mapping[str, Upcaster] = {}
"""By the old tag. Empty: no tag has been replaced so far."""
