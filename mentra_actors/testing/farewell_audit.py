"""What must hold of an agent after its end, on its own log."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mentra_actors.domain.agent import events as e

__all__ = ["FAREWELL_EVENTS", "FarewellAudit"]

FAREWELL_EVENTS = (e.AgentStopped, e.MailCameLate, e.StopReported)


@dataclass(slots=True)
class FarewellAudit:
    """Reader of one agent's log: that its team hears of its end, and nobody's words are lost."""

    require: Callable[[object, str], None]
    once: Callable[[str, str], None]
    number: int = 0
    """What there was to tell, counted; 0 while the agent lives."""
    is_owed: bool = False
    has_letters: bool = False

    def read(self, event: Any) -> None:
        """Judge one more event."""
        match event:
            case e.AgentStopped():
                self.require(not self.number, "stopped twice")
                self.number, self.is_owed = 1, True
            case e.MailCameLate(letters=letters):
                self.require(self.number, "mail came late to one that has not stopped")
                for one in letters:
                    self.once("mail came late", one.mail_id)
                self.number += bool(letters)
                self.has_letters = self.has_letters or bool(letters)
            case e.StopReported():
                is_asked = event.effect_id in self.pending(None)
                self.require(is_asked, f"{event.effect_id} reported unasked")
                self.number += 1
                self.is_owed = self.has_letters = False

    def pending(self, profile: e.AgentProfile | None) -> set[str]:
        """Ids of the effects that tell of it. A subagent has no team that would hear of it."""
        has_team = profile is None or not profile.parent
        is_open = (self.is_owed and has_team) or self.has_letters
        return {f"report-stop-{self.number}"} if is_open else set()
