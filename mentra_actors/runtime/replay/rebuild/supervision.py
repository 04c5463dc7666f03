"""The commands of supervision."""

from collections.abc import Iterable

from mentra_actors.domain.supervision import commands as c
from mentra_actors.domain.supervision import events as e
from mentra_actors.domain.supervision.state import SupervisionState
from mentra_actors.ids import StreamId
from mentra_actors.runtime.replay.rebuild.contract import Builders, KnownAppend

__all__ = ["SUPERVISION_COMMANDS"]

_Known = KnownAppend[SupervisionState]


def _death(
    event: e.StreamQuarantined | e.LetterKept, known: _Known
) -> Iterable[c.SupervisionCommand]:
    same = [one for one in known.events if getattr(one, "command_id", "") == event.command_id]
    aside = [one for one in same if isinstance(one, e.StreamQuarantined)]
    first = [one.because_of for one in aside[:1] if one.because_of]
    streams = dict.fromkeys([*first, *(one.stream_id for one in aside)])
    letters = [_letter(one, known) for one in same if isinstance(one, e.LetterKept)]
    at = event.kept_at if isinstance(event, e.LetterKept) else event.quarantined_at
    yield c.ReportDeath(
        command_id=event.command_id,
        cause=event.cause,
        now=at,
        streams=tuple(map(StreamId, streams)),
        letters=tuple(letters),
    )


def _letter(event: e.LetterKept, known: _Known) -> c.Letter:
    earlier = known.state.letters.get(event.earlier)
    return c.Letter(
        stream_id=event.stream_id,
        command=event.command,
        content=event.content,
        deliveries=event.deliveries - (earlier.deliveries if earlier else 0),
        is_outcome=event.is_outcome,
        causation=event.causation,
        earlier=event.earlier,
    )


def _lifted(event: e.QuarantineLifted, _: _Known) -> Iterable[c.SupervisionCommand]:
    for made in (c.RedriveStream, c.LiftQuarantine):
        yield made(
            stream_id=event.stream_id,
            command_id=event.command_id,
            now=event.lifted_at,
            by=event.lifted_by,
        )


def _redriven(event: e.LetterRedriven, known: _Known) -> Iterable[c.SupervisionCommand]:
    yield c.RedriveLetter(
        letter_id=event.letter_id,
        command_id=event.command_id,
        now=event.redriven_at,
        by=event.redriven_by,
    )
    kept = known.state.letters.get(event.letter_id)
    if kept is not None:
        yield c.RedriveStream(
            stream_id=kept.stream_id,
            command_id=event.command_id,
            now=event.redriven_at,
            by=event.redriven_by,
        )


def _ended(event: e.RedriveEnded, _: _Known) -> Iterable[c.SupervisionCommand]:
    yield c.RecordRedriveEnd(
        effect_id=event.effect_id,
        letter_id=event.letter_id,
        how=event.how,
        now=event.ended_at,
        words=event.words,
    )


def _discarded(event: e.LetterDiscarded, _: _Known) -> Iterable[c.SupervisionCommand]:
    yield c.DiscardLetter(
        letter_id=event.letter_id,
        command_id=event.command_id,
        now=event.discarded_at,
        by=event.discarded_by,
        reason=event.reason,
    )


SUPERVISION_COMMANDS: Builders = {
    e.StreamQuarantined: _death,
    e.LetterKept: _death,
    e.QuarantineLifted: _lifted,
    e.LetterRedriven: _redriven,
    e.RedriveEnded: _ended,
    e.LetterDiscarded: _discarded,
}
"""By the class of the first event of an append."""
