"""Which event a person means: a position, or one of an agent."""

from mentra_actors.cli.reading import OpenStore
from mentra_actors.errors import CommandRejected

__all__ = ["PLACE_HELP", "named_position"]

PLACE_HELP = "A position of the log, an agent (its last event), or AGENT@VERSION."


def named_position(team: OpenStore, place: str) -> int:
    """The global position of the event that is meant.

    Raises:
        CommandRejected: there is no such event; the message says what there is.
    """
    if place.isascii() and place.isdecimal():
        return int(place)
    name, at, version = place.rpartition("@")
    has_version = bool(at) and version.isascii() and version.isdecimal()
    stream_id = team.stream(name if has_version else place)
    last = team.reader.stream_version(stream_id)
    wanted = int(version) if has_version else last
    if not 1 <= wanted <= last:
        raise CommandRejected(f"{stream_id} has versions 1 to {last}; {wanted} is not there")
    (found, *_) = team.reader.read_stream(stream_id, after=wanted - 1, through=wanted)
    return found.global_position
