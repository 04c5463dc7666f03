"""What must hold of every agent's log, checked by a reader that knows nothing of the decider.

`AgentAudit` reads events one by one and collects `faults`, in words. It folds on its own: a
mistake in `evolve` cannot hide from it.

    audit = AgentAudit()
    for event in events:
        audit.read(event)
    assert audit.faults == []
"""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import ToolCallBlock
from mentra_actors.testing.board_audit import BoardAudit
from mentra_actors.testing.call_audit import CALL_EVENTS, AuditedCall, CallAudit
from mentra_actors.testing.compaction_audit import COMPACTING_EVENTS, CompactionAudit
from mentra_actors.testing.farewell_audit import FAREWELL_EVENTS, FarewellAudit
from mentra_actors.testing.input_audit import AuditedRun, InputAudit
from mentra_actors.testing.subagent_audit import SUBAGENT_EVENTS, SubagentAudit

__all__ = ["AgentAudit", "AuditedCall", "AuditedRun"]

_RunEnd: TypeAlias = e.RunFinished | e.RunFailed | e.RunCancelled
_OWN_EVENTS = (
    e.AgentSpawned,
    e.AgentReconfigured,
    e.AgentRenamed,
    e.AgentStopPlanned,
    e.AgentBranched,
)
_INPUT_EVENTS = (
    e.PromptAccepted,
    e.MailTaken,
    e.MailHandedOver,
    e.InputQueued,
    e.QueueCleared,
    e.InputPlaced,
    e.InputReturned,
    e.LeafMoved,
    e.ConversationEdited,
)


@dataclass(slots=True)
class AgentAudit:
    """Reader of one agent's log. `faults` is empty as long as the log is right."""

    faults: list[str] = field(default_factory=list)
    profile: e.AgentProfile | None = None
    is_to_stop: bool = False
    run: AuditedRun | None = None
    ended: AuditedRun | None = None
    model_call: str = ""
    answered_by: str = ""
    abandoned: str = ""
    undoing: list[str] = field(default_factory=list)
    undo_attempts: dict[str, int] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)
    tools: CallAudit = field(init=False)
    input: InputAudit = field(init=False)
    subagents: SubagentAudit = field(init=False)
    board: BoardAudit = field(init=False)
    farewell: FarewellAudit = field(init=False)
    compactions: CompactionAudit = field(init=False)

    def __post_init__(self) -> None:
        self.subagents = SubagentAudit(self._require, self._once)
        self.tools = CallAudit(self._require, self._once)
        self.input = InputAudit(self._require, self._once)
        self.board = BoardAudit(self._require, self._once)
        self.compactions = CompactionAudit(self._require, self._once)
        self.farewell = FarewellAudit(self._require, self._once)

    @property
    def stopped(self) -> bool:
        """The agent takes nothing any more."""
        return self.farewell.stopped

    @property
    def calls(self) -> list[AuditedCall]:
        """Calls of the last answer."""
        return self.tools.calls

    @property
    def run_id(self) -> str:
        """The open run, or empty."""
        return self.run.run_id if self.run else ""

    def read(self, event: object) -> None:
        """Judge one more event."""
        self.board.read(event)
        match event:
            case _ if isinstance(event, _OWN_EVENTS):
                self._read_agent(event)
            case _ if isinstance(event, FAREWELL_EVENTS):
                self.farewell.read(event)
            case e.MailSent():
                self._once("mail sent", event.mail.mail_id)
            case _ if isinstance(event, _INPUT_EVENTS):
                self._read_input(event)
            case _ if isinstance(event, CALL_EVENTS):
                self._read_call(event)
            case _ if isinstance(event, SUBAGENT_EVENTS):
                self._read_subagents(event)
            case e.RunStarted():
                self._read_start(event)
            case e.RunFinished() | e.RunFailed() | e.RunCancelled():
                self._read_end(event)
            case _:
                self._read_step(event)

    def _read_agent(self, event: object) -> None:
        match event:
            case e.AgentSpawned():
                self._require(self.profile is None, "spawned twice")
                self.profile = event.profile
            case e.AgentReconfigured():
                said = msgspec.structs.asdict(event.changes).items()
                new = {name: value for name, value in said if value is not msgspec.UNSET}
                self._change(new)
            case e.AgentRenamed():
                self._change({"name": event.name})
            case e.AgentStopPlanned():
                self._require(not self.stopped, "to be stopped after the stop")
                self.is_to_stop = True
            case e.AgentBranched():
                self.undoing, self.tools.undoable = [], []
                if self.run is not None:
                    self.run.keep()

    def _change(self, new: dict[str, object]) -> None:
        self._require(self.profile, "options of nobody")
        self.profile = self.profile and msgspec.structs.replace(self.profile, **new)

    def _read_step(self, event: object) -> None:
        match event:
            case e.ModelCallRequested():
                self._read_request(event)
            case e.ModelReplied() | e.ModelCallFailed():
                self._read_outcome(event)
            case e.AnswerAbandoned():
                self._require(self.abandoned == event.effect_id, "half an answer of no run")
                self.subagents.note_abandoned(event)
            case _ if isinstance(event, COMPACTING_EVENTS):
                self._read_compaction(event)
            case e.RunStopRequested():
                self._read_stop(event)
            case e.RoundDecisionRequested() | e.RoundDecided():
                self._read_decision(event)
            case (
                e.CompensationRequested()
                | e.ToolCallCompensationStarted()
                | e.ToolCallCompensated()
            ):
                self._read_undoing(event)
            case _:
                pass

    def at_rest(self) -> list[str]:
        """Faults so far, and those of a log that must not end here: an append is complete."""
        faults = list(self.faults)
        faults += [f"a run was taken back, and nothing says that {one}" for one in self.input.owed]
        faults += self.subagents.at_rest(self.tools.open_keys)
        waits_for_person = any(call.status == "wanted" for call in self.calls)
        if self.run and not (self.pending - self._timers) and not waits_for_person:
            faults.append(f"run {self.run_id} is open and waits for nothing")
        if self.undoing and not self.run and not self.pending:
            faults.append(f"{self.undoing} are to be undone and nobody does it")
        is_undoing = self.undoing or self.board.undoing
        if self.run or self.stopped or self.profile is None or is_undoing:
            return faults
        if self.input.waiting_prompts:
            faults.append(f"idle while prompts {self.input.waiting_prompts} wait")
        if self.input.has_news(self.profile):
            faults.append(f"idle while mail {self.input.waiting_mail} waits")
        elif self.is_to_stop:
            faults.append("nothing waits for one that is to stop, and it has not stopped")
        return faults

    @property
    def pending(self) -> set[str]:
        """Ids of the effects that the log asks for and has no answer to."""
        effects = self.compactions.pending
        if self.run is None:
            first = self.undoing[:1]
            undoing = {f"{key}@undo-{self.undo_attempts.get(key, 0)}" for key in first}
            effects |= undoing | self.farewell.pending
            return effects | self.board.pending(self.profile, is_free=self._is_free)
        effects |= self.tools.pending | self._timers
        effects |= self.compactions.model_calls(self.model_call)
        if self.run.decision:
            effects.add(self.run.decision)
        return effects

    @property
    def _is_free(self) -> bool:
        """Nothing is to be done, as far as the agent knows."""
        has_ended = self.stopped or self.is_to_stop or self.profile is None
        waits = self.undoing or self.input.waiting_prompts
        return not (has_ended or waits or (self.profile and self.input.has_news(self.profile)))

    @property
    def _timers(self) -> set[str]:
        run = self.run
        if run is None:
            return set()
        timers = {f"{run.run_id}@deadline"} if run.has_deadline else set()
        return timers | ({f"{run.run_id}@stop"} if run.has_stop_timer else set())

    # --- one group of events each ---

    def _require(self, holds: object, fault: str) -> None:
        if not holds:
            self.faults.append(fault)

    def _once(self, what: str, name: str) -> None:
        self._require((what, name) not in self.seen, f"{what} twice: {name}")
        self.seen.add((what, name))

    def _read_call(self, event: object) -> None:
        self._require(self.run, f"{type(event).__name__} outside of a run")
        self.tools.read(event)
        budget = self.run.options.tool_budget if self.run else None
        if isinstance(event, e.ToolCallStarted) and budget is not None:
            within = self.tools.started_in_run <= budget
            self._require(within, f"more than {budget} calls started")

    def _read_compaction(self, event: object) -> None:
        if isinstance(event, e.CompactionRequested):
            self._require(not self.stopped, "a compaction after the stop")
        used = self.compactions.read(event, self.run, self.model_call)
        if used is not None and self.run is not None:
            self.run.tokens += used.usage.total_tokens
            self.run.cost_usd_micros += used.cost_usd_micros or 0
            self.subagents.note_spending(used, self.run)

    def _read_subagents(self, event: object) -> None:
        if isinstance(event, e.ModelCallWithheld):
            is_open = self.model_call and event.effect_id == self.model_call
            self._require(is_open, f"{event.effect_id} is withheld, and is not open")
            self.model_call = ""
        self.subagents.read(event, self.run, self.tools.open_keys)

    def _read_input(self, event: object) -> None:
        is_new = isinstance(event, e.PromptAccepted | e.MailTaken | e.InputQueued)
        self._require(not (is_new and self.stopped), "input after the stop")
        if isinstance(event, e.InputPlaced):
            self._require(self.run, "input placed outside of a run")
            self._require(not self.tools.open_keys, "input placed between a call and its result")
            self._require(not self.model_call, "input placed while the model answers")
        self.input.read(event, run=self.run, ended=self.ended)

    def _read_start(self, event: e.RunStarted) -> None:
        self._require(self.run is None, f"two runs open: {self.run_id}, {event.run_id}")
        self._require(not self.stopped, "a run after the stop")
        self._require(not self.undoing, "a run while calls are being undone")
        self._once("run started", event.run_id)
        options = event.options
        self.run = AuditedRun(
            run_id=event.run_id,
            options=options,
            baseline=self.input.leaf if event.baseline is None else event.baseline,
            has_deadline=options.deadline_at is not None or options.deadline_s is not None,
            budget=options.budget,
            boundary=event.boundary,
            is_begun=bool(event.resumes),
        )
        self.tools.begin_run()

    def _read_end(self, event: _RunEnd) -> None:
        run = self.run
        self._require(event.run_id == self.run_id, f"no such run to end: {event.run_id}")
        self._require(not self.tools.open_keys, f"run ended with open {self.tools.open_keys}")
        if run is None:
            return
        if isinstance(event, e.RunFinished):
            is_stopped = event.early_end == "stop_requested"
            self._require(is_stopped or not self.model_call, "finished with an open model call")
            self._require(
                not event.early_end or self._is_due(run, event), "an early end too early"
            )
            self._require(not run.unsent, "something was said that no request carried")
            is_last = not event.answer or event.answer == self.answered_by
            self._require(is_last, f"{event.answer} is not the last answer of the run")
        else:
            self._end_badly(run, event)
        self.abandoned = self.model_call
        self.run, self.ended, self.model_call = None, run, ""
        self.tools.calls = []

    def _end_badly(self, run: AuditedRun, event: e.RunFailed | e.RunCancelled) -> None:
        wants_rollback = run.options.on_failure == "rollback"
        self._require(event.is_rolled_back == wants_rollback, "rolled back, or not, unasked")
        if wants_rollback:
            self.undoing += list(reversed(self.tools.undoable))
            self.input.take_back(run)

    def _is_due(self, run: AuditedRun, event: e.RunFinished) -> bool:
        tokens, cost = run.options.token_budget, run.options.cost_budget_usd_micros
        if run.withheld:
            return event.early_end == run.withheld
        return {
            "stop_requested": run.has_stop,
            "token_budget": tokens is not None and run.tokens >= tokens,
            "cost_budget": cost is not None and run.cost_usd_micros >= cost,
        }[event.early_end]

    def _read_stop(self, event: e.RunStopRequested) -> None:
        self._require(event.run_id == self.run_id, "stop of a run that is not open")
        if self.run is not None:
            self._require(not self.run.has_stop, "stopped twice")
            self.run.has_stop, self.run.has_stop_timer = True, event.stop_by is not None

    def _read_request(self, event: e.ModelCallRequested) -> None:
        run = self.run
        self._require(event.run_id == self.run_id, "model call outside of its run")
        self._require(not self.model_call, "two model calls open")
        self._require(not self.tools.open_keys, f"model called before {self.tools.open_keys}")
        self._require(not self.tools.is_terminated, "model called after a tool ended the run")
        self._once("model call", event.effect_id)
        self.model_call, self.tools.calls = event.effect_id, []
        if run is None:
            return
        self._require(not run.has_stop, "model called after the stop")
        self._require(not run.decision, "model called before the strategy has decided")
        run.requests += 1
        run.rounds += event.attempt == 1 and event.fallback == run.fallback
        self._require(event.fallback >= run.fallback, "a run went back to a model that had failed")
        run.fallback = event.fallback
        run.is_begun, run.unsent, run.boundary = True, False, "start"
        self._require_budgets(run)

    def _require_budgets(self, run: AuditedRun) -> None:
        options = run.options
        limits = (
            ("model calls", run.requests, options.model_budget, 0),
            ("tokens", run.tokens, options.token_budget, 1),
            ("cost", run.cost_usd_micros, options.cost_budget_usd_micros, 1),
        )
        for what, spent, limit, more in limits:
            within = limit is None or spent + more <= limit
            self._require(within, f"{what}: {spent} of {limit}, and the model is called")
        rounds = self.profile.max_rounds if self.profile else 0
        self._require(not rounds or run.rounds <= rounds, f"round {run.rounds} of {rounds}")

    def _read_outcome(self, event: e.ModelReplied | e.ModelCallFailed) -> None:
        expected = self.model_call and event.effect_id == self.model_call
        self._require(expected, f"an outcome for {event.effect_id}, which is not open")
        self.model_call = ""
        self.subagents.note_spending(event, self.run)
        if self.run is not None:
            self.run.tokens += event.usage.input_tokens + event.usage.output_tokens
            self.run.cost_usd_micros += event.cost_usd_micros or 0
        if isinstance(event, e.ModelReplied):
            self._read_answer(event)

    def _read_answer(self, event: e.ModelReplied) -> None:
        self.answered_by = event.effect_id
        count = sum(isinstance(block, ToolCallBlock) for block in event.blocks)
        number = event.effect_id.removeprefix("model-")
        self.tools.begin_round([f"tool-{number}.{index}" for index in range(count)])
        self.input.grow(bool(event.blocks) + bool(count))
        if self.run is not None:
            self.run.boundary = "tools" if count else "answer"

    def _read_decision(self, event: e.RoundDecisionRequested | e.RoundDecided) -> None:
        run = self.run
        self._require(event.run_id == self.run_id, "a decision outside of its run")
        if run is None:
            return
        if isinstance(event, e.RoundDecided):
            self._require(run.decision == event.effect_id, "a decision that nobody asked for")
            run.decision = ""
            return
        self._once("decision", event.effect_id)
        self._require(run.options.strategy, "a decision without a strategy")
        self._require(not (self.model_call or self.tools.open_keys), "a decision too early")
        self._require(event.boundary == run.boundary != "start", "a decision at no boundary")
        run.decision = event.effect_id

    def _read_undoing(self, event: Any) -> None:
        if isinstance(event, e.CompensationRequested):
            is_last = self.ended is not None and self.ended.run_id == event.run_id
            self._require(is_last and self.run is None, "undoing of another run")
            self.undoing += list(reversed(self.tools.undoable))
            return
        first = self.undoing[0] if self.undoing else ""
        self._require(event.key == first, f"{event.key} undone out of turn, or unasked")
        if isinstance(event, e.ToolCallCompensationStarted):
            before = self.undo_attempts.get(event.key, 0)
            self._require(event.attempt == before + 1, "undoing attempts do not rise by one")
            self.undo_attempts[event.key] = event.attempt
            return
        self._once("call undone", event.key)
        self.undoing = self.undoing[1:]
