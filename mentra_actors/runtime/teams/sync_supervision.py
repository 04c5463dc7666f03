"""What a person can do about deaths, for scripts: `runtime.supervision` of the blocking face."""

from mentra_actors.runtime.blocking import result_of
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.teams.supervision_operations import SupervisionOperations
from projections.views.dead_letters import DeadLetter, QuarantinedStream

__all__ = ["SyncSupervision"]


class SyncSupervision:
    """See `Supervision`."""

    def __init__(self, core: RuntimeCore, operations: SupervisionOperations) -> None:
        """Made by a runtime."""
        self._core = core
        self._operations = operations

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """See `Supervision.dead_letters`."""
        return self._operations.supervised().letters

    def quarantined(self) -> tuple[QuarantinedStream, ...]:
        """See `Supervision.quarantined`."""
        return self._operations.supervised().quarantined

    def redrive(self, what: str, *, by: str = "") -> int:
        """See `Supervision.redrive`."""
        return result_of(self._core, lambda: self._operations.redrive(what, by))

    def lift(self, stream_id: str, *, by: str = "") -> None:
        """See `Supervision.lift`."""
        result_of(self._core, lambda: self._operations.lift(stream_id, by))

    def discard(self, letter_id: str, reason: str = "", *, by: str = "") -> None:
        """See `Supervision.discard`."""
        result_of(self._core, lambda: self._operations.discard(letter_id, reason, by))
