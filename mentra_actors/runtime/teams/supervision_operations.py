"""What a person can do about deaths, as futures. Safe from any thread."""

from concurrent.futures import Future
from typing import Any

import msgspec

from mentra_actors.actors.dead_letters import UNRECORDED
from mentra_actors.actors.messages import Accepted
from mentra_actors.codec.command_codec import fault_of, shown_command
from mentra_actors.domain.supervision.commands import (
    DiscardLetter,
    LiftQuarantine,
    RedriveLetter,
    ReportDeath,
    redrive_order,
)
from mentra_actors.domain.supervision.decide import SUPERVISION_STREAM
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import StreamId
from mentra_actors.runtime.agents.run_operations import new_id
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.futures import mapped
from mentra_actors.runtime.plain_arguments import require_text
from projections.views.dead_letters import (
    DeadLetter,
    QuarantinedStream,
    Supervised,
    stored_supervision,
)

__all__ = ["SupervisionOperations", "require_readable"]


class SupervisionOperations:
    """Questions and commands about what died in one runtime."""

    def __init__(self, core: RuntimeCore) -> None:
        self._core = core

    def supervised(self) -> Supervised:
        """All that needs a person, also what the store has not taken yet. Reads the store."""
        found = stored_supervision(self._core.journal)
        known = {one.stream_id for one in found.quarantined}
        reports = self._core.directory.dead_letters.unrecorded()
        unknown = [one for one in _unrecorded_streams(reports) if one.stream_id not in known]
        letters = (letter for report in reports for letter in _unrecorded_letters(report))
        return msgspec.structs.replace(
            found,
            quarantined=(*found.quarantined, *unknown),
            letters=(*found.letters, *letters),
        )

    def redrive(self, what: str, by: str) -> "Future[int]":
        """See `Supervision.redrive`. Reads the store."""
        require_text(what, "what is redriven")
        require_text(by, "a name")
        require_readable(stored_supervision(self._core.journal), what)
        command = redrive_order(what, command_id=new_id(), now=self._core.clock.now(), by=by)
        asked = self._ask(command, StreamId(what))
        return mapped(asked, lambda answer: 0 if answer is None else _under_way(answer, what))

    def lift(self, stream_id: str, by: str) -> "Future[None]":
        """See `Supervision.lift`."""
        require_text(stream_id, "a stream")
        require_text(by, "a name")
        lifted = StreamId(stream_id)
        command = LiftQuarantine(
            stream_id=lifted, command_id=new_id(), now=self._core.clock.now(), by=by
        )
        return mapped(self._ask(command, lifted), lambda _answer: None)

    def discard(self, letter_id: str, reason: str, by: str) -> "Future[None]":
        """See `Supervision.discard`."""
        for text, what in ((letter_id, "a letter"), (reason, "a reason"), (by, "a name")):
            require_text(text, what)
        command = DiscardLetter(
            letter_id=letter_id,
            command_id=new_id(),
            now=self._core.clock.now(),
            by=by,
            reason=reason,
        )
        return mapped(self._core.ask(SUPERVISION_STREAM, command), lambda _answer: None)

    def _ask(self, command: object, stream_id: StreamId) -> "Future[Accepted | None]":
        """The answer; None where only this process knew of the quarantine, and has lifted it."""
        directory, done = self._core.directory, Future[Accepted | None]()

        def on_answer(answer: "Future[Accepted]") -> None:
            error = answer.exception()
            if error is None:
                done.set_result(answer.result())
            elif stream_id in directory.quarantined() and not isinstance(command, RedriveLetter):
                directory.dead_letters.forget_stream(stream_id)
                directory.lift(stream_id)
                done.set_result(None)
            else:
                done.set_exception(error)

        self._core.ask(SUPERVISION_STREAM, command).add_done_callback(on_answer)
        return done


def require_readable(supervised: Supervised, letter_id: str) -> None:
    """Refuse what cannot be delivered again, before anybody is asked.

    Raises:
        CommandRejected: it is a letter whose command this release cannot read.
    """
    for letter in supervised.letters:
        if letter.letter_id == letter_id and letter.fault:
            raise CommandRejected(f"dead letter {letter_id} stays: {letter.fault}")


def _under_way(answer: Accepted, what: str) -> int:
    letters = answer.state.letters.values()
    return sum(1 for one in letters if one.effect_id and what in (one.letter_id, one.stream_id))


def _unrecorded_streams(reports: Any) -> list[QuarantinedStream]:
    return [
        QuarantinedStream(
            stream_id=stream_id, cause=report.cause, since=report.now, is_recorded=False
        )
        for report in reports
        for stream_id in report.streams
    ]


def _unrecorded_letters(report: ReportDeath) -> list[DeadLetter]:
    return [
        DeadLetter(
            letter_id=UNRECORDED,
            stream_id=letter.stream_id,
            command=letter.command,
            says=shown_command(letter.content),
            cause=report.cause,
            deliveries=letter.deliveries,
            redrives=0,
            kept_at=report.now,
            is_outcome=letter.is_outcome,
            fault=fault_of(letter.command, letter.content),
            is_recorded=False,
        )
        for letter in report.letters
    ]
