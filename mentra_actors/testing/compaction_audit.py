"""What must hold of the compactions on an agent's log. A part of `AgentAudit`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.compacted import Compaction
from mentra_actors.testing.input_audit import AuditedRun

__all__ = ["COMPACTING_EVENTS", "CompactionAudit"]

COMPACTING_EVENTS = (
    e.CompactionRequested,
    e.CompactionAwaited,
    e.CompactionRetried,
    e.ConversationCompacted,
    e.CompactionSkipped,
    e.CompactionUndone,
)


Spending: TypeAlias = Compaction | e.CompactionRetried | e.CompactionSkipped
"""What says how much a summary has used."""


@dataclass(slots=True)
class CompactionAudit:
    """Reader of the summaries that are asked for, tried again, written and taken back."""

    require: Callable[[object, str], None]
    once: Callable[[str, str], None]
    open: str = ""
    trigger: str = ""
    attempt: int = 1
    made: set[str] = field(default_factory=set)
    awaited: dict[str, str] = field(default_factory=dict)
    """The compaction that a model call waits for, or has waited for."""

    @property
    def pending(self) -> set[str]:
        """Ids of the effects that are asked for and have no answer."""
        if not self.open:
            return set()
        return {self.open if self.attempt == 1 else f"{self.open}@{self.attempt}"}

    def model_calls(self, call: str) -> set[str]:
        """The effect of the open model call: none while it waits, another one after it has."""
        awaited = self.awaited.get(call, "")
        if not call or (awaited and awaited == self.open):
            return set()
        return {f"{call}@{awaited}" if awaited else call}

    def read(self, event: Any, run: AuditedRun | None, model_call: str) -> Spending | None:
        """Judge one more event; what it has used for the run, if it says that, else None."""
        match event:
            case e.CompactionRequested():
                self.once("compaction asked", event.effect_id)
                self.require(not self.open, "two compactions at once")
                self.open, self.trigger, self.attempt = event.effect_id, event.trigger, 1
                is_for_call = event.trigger in ("auto", "overflow")
                self.require(bool(event.awaited_by) == is_for_call, "who waits for it is not said")
                self._await(event.awaited_by, event.effect_id, model_call)
            case e.CompactionAwaited():
                self._require_open(event.effect_id)
                self._await(event.awaited_by, event.effect_id, model_call)
            case e.CompactionRetried():
                self._require_open(event.effect_id)
                self.require(event.attempt == self.attempt + 1, "attempts do not rise by one")
                self.attempt = event.attempt
                return None if self.trigger == "manual" else event
            case e.CompactionUndone():
                self.require(run is None, "a compaction is undone within a run")
                self.require(event.effect_id in self.made, "undone, and not made")
                self.made.discard(event.effect_id)
            case _:
                return self._read_end(event, run)
        return None

    def _read_end(
        self, event: e.ConversationCompacted | e.CompactionSkipped, run: object
    ) -> Spending | None:
        self.once("compaction ended", event.effect_id)
        used: Spending
        is_by_tool = event.effect_id.startswith("tool-")
        if isinstance(event, e.ConversationCompacted):
            self.made.add(event.effect_id)
            used = event.compaction
            self.require(is_by_tool == (event.trigger == "tool"), "compacted by somebody else")
        else:
            used = event
        if is_by_tool:
            self.require(run, "compacted by a tool outside of a run")
            return used
        self._require_open(event.effect_id)
        self.open = ""
        return None if self.trigger == "manual" else used

    def _await(self, call: str, effect_id: str, model_call: str) -> None:
        if not call:
            return
        self.require(call == model_call, f"{call} waits for a summary, and is not open")
        self.require(call not in self.awaited, f"{call} waits for a second summary")
        self.awaited[call] = effect_id

    def _require_open(self, effect_id: str) -> None:
        self.require(effect_id == self.open, f"{effect_id} was not asked for, or is over")
