"""Which event a person means: a position, or one of an agent."""

import re

from mentra_actors.cli.reading import OpenStore
from mentra_actors.runtime.history.versions import position_of_version

__all__ = ["PLACE_HELP", "name_and_version", "named_position"]

PLACE_HELP = (
    "A position of the log (-5: so many events before the end), an agent (its last event), or "
    "AGENT@VERSION."
)
_BEFORE_END = re.compile(r"(?:end)?-([0-9]{1,18})")


def named_position(team: OpenStore, place: str) -> int:
    """The global position of the event that is meant.

    Raises:
        CommandRejected: there is no such event; the message says what there is.
    """
    if place.isascii() and place.isdecimal():
        return int(place)
    if before_end := _BEFORE_END.fullmatch(place):
        return max(team.reader.last_position() - int(before_end[1]), 0)
    name, version = name_and_version(place)
    stream_id = team.stream(name)
    if version is None:
        version = team.reader.stream_version(stream_id)
    return position_of_version(team.journal, stream_id, version)


def name_and_version(place: str) -> tuple[str, int | None]:
    """`AGENT@VERSION` in its parts; another text is a name without a version."""
    name, at, version = place.rpartition("@")
    if at and version.isascii() and version.isdecimal():
        return name, int(version)
    return place, None
