"""Has recorded what a death leaves behind; keeps what the store refuses, and tries again.

A sender is told that its command is kept when that is durable. Whatever befalls the stream of
supervision itself is not recorded there: it is kept here, and the log of the process says so.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from mentra_actors.actors.messages import Accepted, Answer, Envelope, Failed, Look, error_in
from mentra_actors.codec.command_codec import encode_command
from mentra_actors.domain.storable import encodable
from mentra_actors.domain.supervision.commands import Letter, ReportDeath
from mentra_actors.domain.supervision.decide import SUPERVISION_STREAM
from mentra_actors.errors import ActorQuarantined, Fenced, StoreError
from mentra_actors.ids import CommandId, StreamId

__all__ = ["UNRECORDED", "DeadLetters", "Death", "cause_of_death"]

_log = logging.getLogger(__name__)

UNRECORDED = "unrecorded"
"""The name of a letter that the store has not taken yet."""
_AGAIN_S = 1.0
_MOST_WORDS = 2000
_CAUSATION = "supervision"

CallLater = Callable[[float, Callable[[], None]], None]
"""Call a function after so many seconds, on any thread."""


@dataclass(frozen=True, slots=True)
class Death:
    """What one death leaves: streams that are set aside, the dead one first, and envelopes."""

    cause: str
    now: float
    streams: tuple[StreamId, ...] = ()
    dead: tuple[tuple[StreamId, Envelope], ...] = ()
    is_lasting: bool = True
    """False if the streams are set aside in this process only: another one may find them well."""


@dataclass(slots=True, eq=False)
class _Report:
    command: ReportDeath
    senders: tuple[Envelope, ...]
    on_kept: Callable[[], None]
    is_told: bool = False

    def tell(self, letter_ids: Sequence[str]) -> None:
        """Senders, then everybody, hear what was kept; once, on the first try that ends."""
        if self.is_told:
            return
        self.is_told = True
        cause = self.command.cause
        for letter, envelope, letter_id in zip(
            self.command.letters, self.senders, letter_ids, strict=True
        ):
            error = ActorQuarantined(letter.stream_id, cause=cause, letter_id=letter_id)
            envelope.answer(Failed(error))
        self.on_kept()


class DeadLetters:
    """The way to the stream of supervision. Safe from any thread; nothing here blocks."""

    def __init__(self, send: Callable[[StreamId, Envelope], None], call_later: CallLater) -> None:
        """`send` hands an envelope to the owner of a stream, and answers it if it cannot."""
        self._send = send
        self._call_later = call_later
        self._unrecorded: list[_Report] = []
        self._is_due = False
        self._lock = threading.Lock()

    def keep(self, death: Death, on_kept: Callable[[], None] = lambda: None) -> None:
        """Record it; senders hear that they are kept, and questions that nobody answers.

        `on_kept` is called when it is durable, or cannot be made so now.
        """
        kept = []
        for stream_id, envelope in death.dead:
            if isinstance(envelope.command, Look) or not death.is_lasting:
                envelope.answer(Failed(ActorQuarantined(stream_id, cause=death.cause)))
            else:
                kept.append((stream_id, envelope))
        lasting = death.streams if death.is_lasting else ()
        streams = tuple(one for one in lasting if one != SUPERVISION_STREAM)
        own = [envelope for stream_id, envelope in kept if stream_id == SUPERVISION_STREAM]
        for envelope in own:  # what asks for a record is told that there is none
            envelope.answer(Failed(ActorQuarantined(SUPERVISION_STREAM, cause=death.cause)))
        letters = [one for one in kept if one[0] != SUPERVISION_STREAM]
        if not streams and not letters:
            on_kept()
            return
        command = ReportDeath(
            command_id=CommandId(uuid.uuid4().hex),
            cause=death.cause,
            now=death.now,
            streams=streams,
            letters=tuple(_letter(stream_id, envelope) for stream_id, envelope in letters),
        )
        self._record(_Report(command, tuple(envelope for _, envelope in letters), on_kept))

    def unrecorded(self) -> Sequence[ReportDeath]:
        """What the store has not taken yet, the oldest first."""
        with self._lock:
            return [report.command for report in self._unrecorded]

    def forget_stream(self, stream_id: StreamId) -> None:
        """A person lets a stream go on whose quarantine is not recorded yet: it need not be."""
        with self._lock:
            for report in self._unrecorded:
                left = tuple(one for one in report.command.streams if one != stream_id)
                report.command = msgspec.structs.replace(report.command, streams=left)

    def _record(self, report: _Report) -> None:
        def on_answer(answer: Answer) -> None:
            if isinstance(answer, Accepted):
                self._recorded(report, answer)
            else:
                self._hold(report, error_in(answer))

        envelope = Envelope(report.command, on_answer, causation=_CAUSATION, is_outcome=True)
        self._send(SUPERVISION_STREAM, envelope)

    def _recorded(self, report: _Report, answer: Accepted) -> None:
        with self._lock:
            if report in self._unrecorded:
                self._unrecorded.remove(report)
        first = answer.state.kept - len(report.senders) + 1
        report.tell([f"L{number}" for number in range(first, answer.state.kept + 1)])

    def _hold(self, report: _Report, error: Exception | None) -> None:
        may_work_later = isinstance(error, StoreError) and not isinstance(error, Fenced)
        with self._lock:
            is_new = report not in self._unrecorded
            if is_new:
                self._unrecorded.append(report)
            must_call = may_work_later and not self._is_due
            self._is_due = self._is_due or must_call
        if is_new:
            _log.error("%s; not recorded, kept in this process: %s", _words(report), error)
        report.tell([UNRECORDED] * len(report.senders))
        if must_call:
            self._call_later(_AGAIN_S, self._again)

    def _again(self) -> None:
        with self._lock:
            self._is_due = False
            reports = list(self._unrecorded)
        for report in reports:
            self._record(report)


def cause_of_death(error: BaseException) -> str:
    """What an actor died of, in words that a log can keep."""
    try:
        said = repr(error)
    except Exception:  # noqa: BLE001 - an error without words is one too
        said = type(error).__name__
    return encodable(said[:_MOST_WORDS])


def _letter(stream_id: StreamId, envelope: Envelope) -> Letter:
    name, content = encode_command(envelope.command)
    return Letter(
        stream_id=stream_id,
        command=name,
        content=content,
        deliveries=envelope.deliveries,
        is_outcome=envelope.is_outcome,
        causation=encodable(envelope.causation),
        earlier=envelope.letter_id,
    )


def _words(report: _Report) -> str:
    letters = ", ".join(f"{one.command} to {one.stream_id}" for one in report.command.letters)
    streams = ", ".join(report.command.streams)
    return f"set aside: {streams or 'nothing'}; dead letters: {letters or 'none'}"
