"""What must hold of an agent's subagents and shared budgets on its log."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mentra_actors.domain.agent import events as e
from mentra_actors.testing.input_audit import AuditedRun

__all__ = ["SUBAGENT_EVENTS", "SubagentAudit"]

SUBAGENT_EVENTS = (
    e.SubagentSpawned,
    e.SubagentFinished,
    e.SubagentEndOrdered,
    e.SharedSpending,
    e.ModelCallWithheld,
)


@dataclass(slots=True)
class SubagentAudit:
    """Reader of what an agent says of its subagents and of what it spends with others."""

    require: Callable[[object, str], None]
    once: Callable[[str, str], None]
    open: dict[str, str] = field(default_factory=dict)
    """Keys of calls by the id of the agent that each has made; empty for those of the host."""
    ended: set[str] = field(default_factory=set)
    """Those of calls that have ended: a call that is run again finds its own, ended or not."""
    owed: list[tuple[int, int]] = field(default_factory=list)
    """Tokens and money of answers that the shared budget does not know of yet."""
    left_runs: dict[str, str] = field(default_factory=dict)
    """Ids of runs that have ended without an answer they waited for, by its model call."""

    def read(self, event: object, run: AuditedRun | None, open_keys: Sequence[str]) -> None:
        """Judge one more event."""
        match event:
            case e.SubagentSpawned():
                agent_id = event.profile.agent_id
                is_new = agent_id not in self.open and agent_id not in self.ended
                self.require(is_new, f"subagent made twice: {agent_id}")
                is_known = not event.key or event.key in open_keys
                self.require(is_known, f"{agent_id} was made by no open call")
                self.require(event.profile.depth > 0, f"{agent_id} has no parent")
                self.require(event.profile.run == event.options, "options that are not its own")
                self.open[agent_id] = event.key
            case e.SubagentFinished() | e.SubagentEndOrdered():
                self._read_end(event)
            case e.SharedSpending():
                self._read_spending(event, run)
            case e.ModelCallWithheld():
                self._read_withheld(event, run)

    def note_abandoned(self, event: e.AnswerAbandoned) -> None:
        """The budget of a run that has ended is told of it, whatever run is open by now."""
        self.once("answer abandoned", event.effect_id)
        self.left_runs[event.effect_id] = event.run_id

    def note_spending(self, event: Any, run: AuditedRun | None) -> None:
        """What a call has used; others must know of it, if the budget is shared."""
        tokens, cost = event.usage.total_tokens, event.cost_usd_micros or 0
        if run is not None and run.budget and (tokens or cost):
            self.owed.append((tokens, cost))

    def at_rest(self, open_keys: Sequence[str]) -> list[str]:
        """Faults of a log that ends here: an append is complete."""
        left = [agent for agent, key in self.open.items() if key and key not in open_keys]
        faults = [f"subagent {agent} is left, and nobody ends it" for agent in left]
        return faults + [f"{one} of a shared budget are not said" for one in self.owed]

    def _read_end(self, event: e.SubagentFinished | e.SubagentEndOrdered) -> None:
        known = event.agent_id in self.open
        self.require(known, f"{type(event).__name__} for {event.agent_id}, which is not open")
        goes_on = isinstance(event, e.SubagentEndOrdered) and event.how == "stop"
        if not goes_on and self.open.pop(event.agent_id, ""):
            self.ended.add(event.agent_id)

    def _read_spending(self, event: e.SharedSpending, run: AuditedRun | None) -> None:
        self.once("spending", f"{event.run_id} {event.effect_id}")
        if event.effect_id in self.left_runs:
            of_run = self.left_runs.pop(event.effect_id)
            self.require(event.run_id == of_run, "spending of another run than was left")
            return
        self.require(event.run_id == (run.run_id if run else ""), "spending of another run")
        if run is None:
            return
        spent = (event.tokens, event.cost_usd_micros)
        if not run.budget:
            before = (run.tokens, run.cost_usd_micros)
            self.require(spent == before, f"{before} had been used before, said is {spent}")
            run.budget = event.budget
            return
        self.require(event.budget == run.budget, "spending of another budget")
        self.require(spent in self.owed, f"nobody has used {spent}")
        self.owed = [one for one in self.owed if one != spent]

    def _read_withheld(self, event: e.ModelCallWithheld, run: AuditedRun | None) -> None:
        is_due = run is not None and (run.budget or not event.is_shared)
        self.require(is_due, "a call withheld without a shared budget")
        if run is not None:
            run.withheld = event.limit
