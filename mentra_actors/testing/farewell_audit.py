"""What must hold of an agent after its end, on its own log."""

from collections.abc import Callable
from dataclasses import dataclass

from mentra_actors.domain.agent import events as e

__all__ = ["FAREWELL_EVENTS", "FarewellAudit"]

FAREWELL_EVENTS = (e.AgentStopped, e.MailCameLate, e.StopReported)


@dataclass(slots=True)
class FarewellAudit:
    """Reader of one agent's log: that its team hears of its end, and nobody's words are lost."""

    require: Callable[[object, str], None]
    once: Callable[[str, str], None]
    stopped: bool = False
    number: int = 1
    """What there was to tell, counted."""
    is_owed: bool = False
    has_letters: bool = False

    def read(self, event: object) -> None:
        """Judge one more event."""
        match event:
            case e.AgentStopped():
                self.require(not self.stopped, "stopped twice")
                self.stopped, self.is_owed = True, event.tells_team
            case e.MailCameLate(letters=letters):
                self.require(self.stopped, "mail came late to one that has not stopped")
                for one in letters:
                    self.once("mail came late", one.mail_id)
                self.number += bool(letters)
                self.has_letters = self.has_letters or bool(letters)
            case e.StopReported():
                is_asked = event.effect_id in self.pending
                self.require(is_asked, f"{event.effect_id} reported unasked")
                self.number += 1
                self.is_owed = self.has_letters = False

    @property
    def pending(self) -> set[str]:
        """Ids of the effects that tell of it."""
        is_open = self.is_owed or self.has_letters
        return {f"report-stop-{self.number}"} if is_open else set()
