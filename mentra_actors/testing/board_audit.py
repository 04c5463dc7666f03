"""What must hold of an agent's dealings with the task board of its team, on its own log."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mentra_actors.domain.agent import events as e

__all__ = ["BoardAudit"]

_READERS = ("task_list", "task_get")


@dataclass(slots=True)
class BoardAudit:
    """Reader of one agent's log: which runs have changed the board, and what comes of that."""

    require: Callable[[object, str], None]
    once: Callable[[str, str], None]
    rests: int = 0
    """How often a rest began, or began anew."""
    run_id: str = ""
    used: list[str] = field(default_factory=list)
    """The open run and those that it goes on from, if they may have changed the board."""
    left: list[str] = field(default_factory=list)
    """The same of the run that was broken off last."""
    undoing: list[str] = field(default_factory=list)

    def read(self, event: object) -> None:
        """Judge one more event."""
        match event:
            case e.AgentSpawned() | e.AgentReconfigured() | e.AgentRenamed():
                self.rests += 1
            case e.MailTaken(mail=mail):
                self.rests += bool(mail)
            case e.RunStarted():
                self.require(not self.undoing, "a run while the board is being asked")
                self.run_id = event.run_id
                self.used = list(self.left) if event.resumes else []
                self.left = []
            case e.ToolCallStarted(tool=tool):
                is_change = tool.startswith("task_") and tool not in _READERS
                if is_change and self.run_id not in self.used:
                    self.used.append(self.run_id)
            case e.RunFinished() | e.RunFailed() | e.RunCancelled():
                self._read_end(event)
            case e.BoardCompensated():
                self.require(event.run_id in self.undoing, f"{event.run_id} undone unasked")
                self.once("board undone", event.run_id)
                self.undoing = [one for one in self.undoing if one != event.run_id]
            case _:
                pass

    def _read_end(self, event: e.RunFinished | e.RunFailed | e.RunCancelled) -> None:
        self.rests += 1
        used, self.used = self.used, []
        if isinstance(event, e.RunFinished):
            return
        undone = used if event.is_rolled_back else []
        self.require(list(event.board_runs) == undone, f"the board is asked about {event}")
        self.undoing += undone
        self.left = [] if event.is_rolled_back else used

    def pending(self, profile: e.AgentProfile | None, *, is_free: bool) -> set[str]:
        """Ids of the effects between two runs; `is_free` if there is nothing else to do."""
        effects = {f"{run_id}@board" for run_id in self.undoing}
        is_mate = profile is not None and bool(profile.lead) and not profile.parent
        if profile is None or not (is_mate and profile.wake_on_mail and profile.autonomy.enabled):
            return effects
        looks = is_free and not self.undoing and not profile.is_person
        return effects | ({f"claim-{self.rests}"} if looks else set())
