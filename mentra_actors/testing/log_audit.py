"""What must hold of every agent's log, checked by a reader that knows nothing of the decider.

`AgentAudit` reads events one by one and collects `faults`, in words. It folds on its own: a
mistake in `evolve` cannot hide from it.

    audit = AgentAudit()
    for event in events:
        audit.read(event)
    assert audit.faults == []
"""

from dataclasses import dataclass, field
from typing import Any

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import (
    ToolCallBlock,
)

__all__ = ["AgentAudit", "AuditedCall"]

MOST_ATTEMPTS = 5


@dataclass(slots=True)
class AuditedCall:
    """One tool call as the log tells of it."""

    key: str
    plan: e.CallPlan | None = None
    status: str = "asked"
    attempt: int = 1
    retry: str = ""
    idempotency_key: str = ""


@dataclass(slots=True)
class AgentAudit:
    """Reader of one agent's log. `faults` is empty as long as the log is right."""

    faults: list[str] = field(default_factory=list)
    profile: e.AgentProfile | None = None
    stopped: bool = False
    run_id: str = ""
    model_call: str = ""
    calls: list[AuditedCall] = field(default_factory=list)
    closed_calls: set[str] = field(default_factory=set)
    waiting_prompts: list[str] = field(default_factory=list)
    waiting_mail: list[str] = field(default_factory=list)
    taken_through: int = 0
    seen: set[tuple[str, str]] = field(default_factory=set)

    def read(self, event: Any) -> None:
        """Judge one more event."""
        match event:
            case e.AgentSpawned():
                self._require(self.profile is None, "spawned twice")
                self.profile = event.profile
            case e.AgentStopped():
                self._require(not self.stopped, "stopped twice")
                self.stopped = True
            case e.PromptAccepted() | e.MailTaken() | e.InputPlaced():
                self._read_input(event)
            case e.RunStarted() | e.RunFinished() | e.RunFailed() | e.RunCancelled():
                self._read_run(event)
            case e.ModelCallRequested() | e.ModelReplied() | e.ModelCallFailed():
                self._read_model_call(event)
            case e.ToolCallsPlanned():
                self._read_plans(event)
            case e.ToolCallStarted() | e.ToolCallRestarted() | e.ToolCallProbeRequested():
                self._read_opening(event)
            case e.ToolCallFinished() | e.ToolCallOutcomeUnknown() | e.ToolCallSkipped():
                self._read_closing(event)
            case e.MailSent():
                self._once("mail sent", event.mail.mail_id)
            case _:
                pass

    def at_rest(self) -> list[str]:
        """Faults so far, and those of a log that must not end here: an append is complete."""
        faults = list(self.faults)
        if self.run_id and not self.pending:
            faults.append(f"run {self.run_id} is open and waits for nothing")
        if self.run_id or self.stopped or self.profile is None:
            return faults
        if self.waiting_prompts:
            faults.append(f"idle while prompts {self.waiting_prompts} wait")
        if self.waiting_mail and self.profile.wake_on_mail:
            faults.append(f"idle while mail {self.waiting_mail} waits")
        return faults

    @property
    def pending(self) -> set[str]:
        """Ids of the effects that the log asks for and has no answer to."""
        if self.model_call:
            return {self.model_call}
        suffix = {"started": "", "probing": "-probe"}
        return {
            f"{call.key}@{call.attempt}{suffix[call.status]}"
            for call in self.calls
            if call.status in suffix
        }

    # --- one group of events each ---

    def _require(self, holds: object, fault: str) -> None:
        if not holds:
            self.faults.append(fault)

    def _once(self, what: str, name: str) -> None:
        self._require((what, name) not in self.seen, f"{what} twice: {name}")
        self.seen.add((what, name))

    def _read_input(self, event: e.PromptAccepted | e.MailTaken | e.InputPlaced) -> None:
        if isinstance(event, e.InputPlaced):
            self._read_placing(event)
            return
        self._require(not self.stopped, "input after the stop")
        if isinstance(event, e.PromptAccepted):
            self._once("prompt accepted", event.prompt_id)
            self.waiting_prompts.append(event.prompt_id)
            return
        rises = event.through_version > self.taken_through
        self._require(rises, f"mail through {event.through_version} taken twice")
        self.taken_through = max(self.taken_through, event.through_version)
        for mail in event.mail:
            self._once("mail taken", mail.mail_id)
            self.waiting_mail.append(mail.mail_id)

    def _read_placing(self, event: e.InputPlaced) -> None:
        self._require(event.run_id == self.run_id, "input placed outside of its run")
        self._require(not self._open_calls, "input placed between a call and its result")
        for prompt_id in event.prompt_ids:
            oldest = self.waiting_prompts[:1] == [prompt_id]
            self._require(oldest, f"prompt placed out of turn: {prompt_id}")
            self.waiting_prompts = self.waiting_prompts[1:]
        for mail_id in event.mail_ids:
            oldest = self.waiting_mail[:1] == [mail_id]
            self._require(oldest, f"mail placed out of turn: {mail_id}")
            self.waiting_mail = self.waiting_mail[1:]

    def _read_run(
        self, event: e.RunStarted | e.RunFinished | e.RunFailed | e.RunCancelled
    ) -> None:
        if isinstance(event, e.RunStarted):
            self._require(not self.run_id, f"two runs open: {self.run_id}, {event.run_id}")
            self._require(not self.stopped, "a run after the stop")
            self._once("run started", event.run_id)
            self.run_id = event.run_id
            return
        self._require(event.run_id == self.run_id, f"no such run to end: {event.run_id}")
        self._require(not self._open_calls, f"run ended with open calls {self._open_calls}")
        if isinstance(event, e.RunFinished):
            self._require(not self.model_call, "run finished with an open model call")
        self.run_id, self.model_call, self.calls = "", "", []

    @property
    def _open_calls(self) -> list[str]:
        return [call.key for call in self.calls if call.status != "closed"]

    def _read_model_call(
        self, event: e.ModelCallRequested | e.ModelReplied | e.ModelCallFailed
    ) -> None:
        if isinstance(event, e.ModelCallRequested):
            self._require(event.run_id == self.run_id, "model call outside of its run")
            self._require(not self.model_call, "two model calls open")
            self._require(not self._open_calls, f"model called before {self._open_calls} closed")
            self._once("model call", event.effect_id)
            self.model_call, self.calls = event.effect_id, []
            return
        expected = self.model_call and event.effect_id == self.model_call
        self._require(expected, f"an outcome for {event.effect_id}, which is not open")
        self.model_call = ""
        if isinstance(event, e.ModelReplied):
            count = sum(isinstance(block, ToolCallBlock) for block in event.blocks)
            number = event.effect_id.removeprefix("model-")
            self.calls = [AuditedCall(key=f"tool-{number}.{index}") for index in range(count)]
            for call in self.calls:
                self._once("call asked", call.key)

    def _read_plans(self, event: e.ToolCallsPlanned) -> None:
        same = [plan.key for plan in event.calls] == [call.key for call in self.calls]
        self._require(same, "plans do not fit the calls")
        for call, plan in zip(self.calls, event.calls, strict=False):
            call.plan = plan

    def _call(self, key: str, event: Any) -> AuditedCall | None:
        call = next((call for call in self.calls if call.key == key), None)
        closed = key in self.closed_calls or (call is not None and call.status == "closed")
        self._require(not closed, f"{type(event).__name__} for the closed call {key}")
        self._require(call or closed, f"{type(event).__name__} for the unknown call {key}")
        return call

    def _read_opening(
        self, event: e.ToolCallStarted | e.ToolCallRestarted | e.ToolCallProbeRequested
    ) -> None:
        call = self._call(event.key, event)
        if call is None:
            return
        match event:
            case e.ToolCallStarted():
                self._read_start(call, event)
            case e.ToolCallRestarted():
                self._require(call.retry != "never", f"never-call run again: {call.key}")
                was_open = call.status in ("started", "probing")
                self._require(was_open, f"restart of {call.key}, which was not open")
                self._require(event.attempt == call.attempt + 1, "attempt does not rise by one")
                limited = call.retry == "probe" or event.attempt <= MOST_ATTEMPTS
                self._require(limited, f"{call.key} is run for the {event.attempt}th time")
                call.status, call.attempt = "started", event.attempt
            case e.ToolCallProbeRequested():
                self._require(call.retry == "probe", f"{call.key} has no probe")
                self._require(call.status == "started", f"probe of {call.key}, not started")
                self._require(event.attempt == call.attempt, "the probe is of another attempt")
                call.status = "probing"

    def _read_start(self, call: AuditedCall, event: e.ToolCallStarted) -> None:
        self._once("call started", event.key)
        self._once("idempotency key", event.idempotency_key)
        plan = call.plan or e.CallPlan(key=event.key)
        self._require(call.plan is not None, f"{event.key} started without a plan")
        self._require(not plan.refusal, f"the refused call {event.key} started")
        self._require(event.retry == plan.retry, f"{event.key} started with another retry mode")
        before = self.calls[: self.calls.index(call)]
        in_turn = all(other.status != "asked" for other in before)
        self._require(in_turn, f"{event.key} started before an earlier call")
        beside = [o for o in self.calls if o.status in ("started", "probing") and o.plan]
        alone = plan.parallel and all(o.plan.parallel for o in beside if o.plan)
        self._require(not beside or alone, f"{event.key} started beside a call that runs alone")
        call.status, call.retry = "started", event.retry
        call.idempotency_key = event.idempotency_key

    def _read_closing(
        self, event: e.ToolCallFinished | e.ToolCallOutcomeUnknown | e.ToolCallSkipped
    ) -> None:
        call = self._call(event.key, event)
        self._once("call closed", event.key)
        self.closed_calls.add(event.key)
        if call is None:
            return
        is_open = call.status in ("started", "probing")
        if isinstance(event, e.ToolCallOutcomeUnknown):
            self._require(is_open, f"{call.key} has an unknown outcome without a start")
        if isinstance(event, e.ToolCallSkipped):
            self._require(call.status == "asked", f"the started call {call.key} is skipped")
        if isinstance(event, e.ToolCallFinished):
            refused = call.plan is not None and bool(call.plan.refusal)
            self._require(is_open or refused, f"{call.key} finished without a start")
        call.status = "closed"
