"""What needs a person, as people see it: streams that are set aside, and dead letters."""

from collections.abc import Iterable

import msgspec

from mentra_actors.codec.command_codec import fault_of, shown_command
from mentra_actors.domain.supervision.decide import SUPERVISION, SUPERVISION_STREAM
from mentra_actors.domain.supervision.events import LetterKept
from mentra_actors.domain.supervision.state import KeptLetter, SupervisionState
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal

__all__ = [
    "DeadLetter",
    "QuarantinedStream",
    "Supervised",
    "stored_supervision",
    "supervised_in",
]


class QuarantinedStream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream whose actor is not started. `since` is Unix seconds.

    `because_of` is the stream whose actor died, where that is a teammate's. One that is not
    `is_recorded` is known to this process only: the store refused it.
    """

    stream_id: StreamId
    cause: str
    since: float
    because_of: StreamId = StreamId("")
    is_recorded: bool = True


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A command that nobody could handle.

    `says` is the command as JSON, cut where it is long. `deliveries` are the deaths over it,
    `redrives` says how often it was sent again. `fault` is why it cannot be sent again by this
    release, `problem` why the last time failed; both are empty if nothing is in the way. While
    `is_under_way` it is being delivered. `kept_at` is Unix seconds.
    """

    letter_id: str
    stream_id: StreamId
    command: str
    says: str
    cause: str
    deliveries: int
    redrives: int
    kept_at: float
    is_outcome: bool = False
    fault: str = ""
    problem: str = ""
    is_under_way: bool = False
    is_recorded: bool = True


class Supervised(msgspec.Struct, frozen=True, kw_only=True):
    """All that needs a person, the oldest first; `left_out` older letters are on the log only."""

    quarantined: tuple[QuarantinedStream, ...] = ()
    letters: tuple[DeadLetter, ...] = ()
    left_out: int = 0


def stored_supervision(journal: Journal) -> Supervised:
    """What needs a person, as the log says. Reads the store.

    Raises:
        StoreError: it cannot be read.
    """
    return supervised_in(journal.read_stream(SUPERVISION_STREAM))


def supervised_in(recorded_events: Iterable[RecordedEvent[object]]) -> Supervised:
    """The same of the events of the stream of supervision, up to wherever they end."""
    events = [one.event for one in recorded_events]
    state: SupervisionState = SUPERVISION.fold(events)
    contents = {one.letter_id: one.content for one in events if isinstance(one, LetterKept)}
    quarantined = tuple(
        QuarantinedStream(
            stream_id=stream_id, cause=one.cause, since=one.since, because_of=one.because_of
        )
        for stream_id, one in state.quarantined.items()
    )
    letters = tuple(
        _letter(one, contents.get(one.letter_id, b"")) for one in state.letters.values()
    )
    return Supervised(quarantined=quarantined, letters=letters, left_out=state.left_out)


def _letter(letter: KeptLetter, content: bytes) -> DeadLetter:
    return DeadLetter(
        letter_id=letter.letter_id,
        stream_id=letter.stream_id,
        command=letter.command,
        says=shown_command(content),
        cause=letter.cause,
        deliveries=letter.deliveries,
        redrives=letter.redrives,
        kept_at=letter.kept_at,
        is_outcome=letter.is_outcome,
        fault=fault_of(letter.command, content),
        problem=letter.problem,
        is_under_way=bool(letter.effect_id),
    )
