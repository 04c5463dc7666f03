"""From the fields of an older tag to those of its successor, on reading.

An upcaster takes the fields of a stored event and returns what the event says today, as tags with
fields: one of them, several if the event was split, none if it says nothing any more. A tag among
them that has an upcaster itself is carried on. It is pure, and what it raises stays with the
event; `mentra_actors.testing.upcaster_laws` checks it. How to change an event: docs/evolution.md.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

__all__ = ["UPCASTERS", "Upcaster"]

Upcaster: TypeAlias = Callable[[dict[str, Any]], Sequence[tuple[str, dict[str, Any]]]]


def _run_finished_v1(fields: dict[str, object]) -> Sequence[tuple[str, dict[str, object]]]:
    """The answer stood in the end of the run as well as in the reply of the model."""
    return [("agent.run_finished.v2", fields)]


UPCASTERS: Mapping[str, Upcaster] = {"agent.run_finished.v1": _run_finished_v1}
"""By the old tag."""
