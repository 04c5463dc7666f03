"""The decider of the one stream of supervision."""

from collections.abc import Sequence
from typing import assert_never, get_args

from mentra_actors.decider import Decider
from mentra_actors.domain.supervision.commands import (
    DiscardLetter,
    Letter,
    LiftQuarantine,
    RecordRedriveEnd,
    RedriveLetter,
    RedriveStream,
    ReportDeath,
    SupervisionCommand,
)
from mentra_actors.domain.supervision.events import (
    LetterDiscarded,
    LetterKept,
    LetterRedriven,
    QuarantineLifted,
    RedriveEnded,
    StreamQuarantined,
    SupervisionEvent,
)
from mentra_actors.domain.supervision.state import (
    DeliverLetter,
    KeptLetter,
    SupervisionState,
    evolve,
    pending,
)
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import EffectId, StreamId

__all__ = ["SUPERVISION", "SUPERVISION_STREAM"]

SUPERVISION_STREAM = StreamId("supervision-main")


def decide(command: SupervisionCommand, state: SupervisionState) -> Sequence[SupervisionEvent]:
    """Events that `command` causes.

    Raises:
        CommandRejected: there is no such letter or quarantine, or it cannot be done now.
    """
    if isinstance(command, RecordRedriveEnd):
        return _end(command, state)
    if command.command_id in state.known_commands:
        return []  # delivered twice: the first delivery was recorded
    match command:
        case ReportDeath():
            return _report(command, state)
        case LiftQuarantine(stream_id=stream_id):
            if stream_id not in state.quarantined:
                raise CommandRejected(f"{stream_id} is not set aside; {_known_streams(state)}")
            return [_lifted(command)]
        case RedriveStream():
            return _redrive_stream(command, state)
        case RedriveLetter():
            return _redrive_letter(command, state)
        case DiscardLetter():
            return _discard(command, state)
        case _:
            assert_never(command)


def _report(command: ReportDeath, state: SupervisionState) -> Sequence[SupervisionEvent]:
    first = command.streams[0] if command.streams else StreamId("")
    events: list[SupervisionEvent] = [
        StreamQuarantined(
            stream_id=stream_id,
            cause=command.cause,
            quarantined_at=command.now,
            because_of=StreamId("") if stream_id == first else first,
            command_id=command.command_id,
        )
        for stream_id in command.streams
        if stream_id not in state.quarantined
    ]
    for number, letter in enumerate(command.letters, state.kept + 1):
        events.append(_kept(command, letter, f"L{number}", state.letters.get(letter.earlier)))
    return events


def _kept(
    command: ReportDeath, letter: Letter, letter_id: str, earlier: KeptLetter | None
) -> LetterKept:
    return LetterKept(
        letter_id=letter_id,
        stream_id=letter.stream_id,
        command=letter.command,
        content=letter.content,
        cause=command.cause,
        deliveries=letter.deliveries + (earlier.deliveries if earlier else 0),
        kept_at=command.now,
        is_outcome=letter.is_outcome,
        causation=earlier.causation if earlier else letter.causation,
        redrives=earlier.redrives + 1 if earlier else 0,
        earlier=earlier.letter_id if earlier else "",
        command_id=command.command_id,
    )


def _redrive_stream(command: RedriveStream, state: SupervisionState) -> Sequence[SupervisionEvent]:
    stream_id = command.stream_id
    events: list[SupervisionEvent] = []
    if stream_id in state.quarantined:
        events.append(_lifted(command))
    waiting = [one for one in state.letters.values() if one.stream_id == stream_id]
    events += [_redriven(command, one) for one in waiting if not one.effect_id]
    if not events:
        raise CommandRejected(
            f"{stream_id} is not set aside, and no dead letter of it waits; "
            f"{_known_streams(state)}"
        )
    return events


def _redrive_letter(command: RedriveLetter, state: SupervisionState) -> Sequence[SupervisionEvent]:
    letter = _waiting(command.letter_id, state)
    if letter.stream_id in state.quarantined:
        raise CommandRejected(
            f"{letter.stream_id} is set aside: lift it first, or redrive the whole stream"
        )
    return [_redriven(command, letter)]


def _discard(command: DiscardLetter, state: SupervisionState) -> Sequence[SupervisionEvent]:
    return [
        LetterDiscarded(
            letter_id=_waiting(command.letter_id, state).letter_id,
            discarded_at=command.now,
            discarded_by=command.by,
            reason=command.reason,
            command_id=command.command_id,
        )
    ]


def _waiting(letter_id: str, state: SupervisionState) -> KeptLetter:
    letter = state.letters.get(letter_id)
    if letter is None:
        known = ", ".join(list(state.letters)[-10:]) or "none"
        raise CommandRejected(f"there is no dead letter {letter_id!r}; the newest: {known}")
    if letter.effect_id:
        raise CommandRejected(f"dead letter {letter_id} is being delivered again just now")
    return letter


def _known_streams(state: SupervisionState) -> str:
    known = {**state.quarantined, **{one.stream_id: None for one in state.letters.values()}}
    return f"streams that need a person: {', '.join(sorted(known)) or 'none'}"


def _lifted(command: LiftQuarantine | RedriveStream) -> QuarantineLifted:
    return QuarantineLifted(
        stream_id=command.stream_id,
        lifted_at=command.now,
        lifted_by=command.by,
        command_id=command.command_id,
    )


def _redriven(command: RedriveStream | RedriveLetter, letter: KeptLetter) -> LetterRedriven:
    return LetterRedriven(
        letter_id=letter.letter_id,
        effect_id=EffectId(f"redrive-{letter.letter_id}.{letter.attempts + 1}"),
        redriven_at=command.now,
        redriven_by=command.by,
        command_id=command.command_id,
    )


def _end(command: RecordRedriveEnd, state: SupervisionState) -> Sequence[SupervisionEvent]:
    letter = state.letters.get(command.letter_id)
    if letter is None or letter.effect_id != command.effect_id:
        return []  # it has come back as another letter, or was recorded before
    return [
        RedriveEnded(
            letter_id=command.letter_id,
            effect_id=command.effect_id,
            how=command.how,
            ended_at=command.now,
            words=command.words,
        )
    ]


SUPERVISION: Decider[SupervisionCommand, SupervisionEvent, SupervisionState, DeliverLetter] = (
    Decider(
        category="supervision",
        initial=SupervisionState(),
        event_types=frozenset(get_args(SupervisionEvent)),
        decide=decide,
        evolve=evolve,
        pending=pending,
    )
)
