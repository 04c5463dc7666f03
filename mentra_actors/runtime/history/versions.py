"""Versions of a stream as positions of the log."""

from mentra_actors.errors import CommandRejected
from mentra_actors.ids import StreamId
from mentra_actors.runtime.plain_arguments import require_whole
from mentra_actors.store.journal import Journal

__all__ = ["position_of_version", "require_version"]


def position_of_version(journal: Journal, stream_id: StreamId, version: int) -> int:
    """Global position of an event of a stream, by its version there (from 1).

    Raises:
        CommandRejected: there is no such version.
        TypeError: it is no whole number.
    """
    require_whole(version, "a version")
    require_version(stream_id, version, journal.stream_version(stream_id))
    return journal.position_of(stream_id, version)


def require_version(stream_id: StreamId, version: int, last: int) -> None:
    """Refuse what is no version of a stream that ends at `last`.

    Raises:
        CommandRejected: it is not there.
        TypeError: it is no whole number.
    """
    require_whole(version, "a version")
    if not 1 <= version <= last:
        raise CommandRejected(f"{stream_id} has versions 1 to {last}; {version} is not there")
