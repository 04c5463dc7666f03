"""What must hold of the tool calls on a log: order, lanes, permissions, one result each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mentra_actors.domain.agent import events as e

__all__ = ["CALL_EVENTS", "AuditedCall", "CallAudit"]

MOST_ATTEMPTS = 5
_OPEN = ("started", "probing")

CALL_EVENTS = (
    e.ToolCallsPlanned,
    e.ToolAuthorizationEvaluated,
    e.ToolCallReviewed,
    e.PermissionRequested,
    e.PermissionResolved,
    e.PermissionExpired,
    e.ToolCallStarted,
    e.ToolCallRestarted,
    e.ToolCallProbeRequested,
    e.ToolCallFinished,
    e.ToolCallOutcomeUnknown,
    e.ToolCallSkipped,
)


@dataclass(slots=True)
class AuditedCall:
    """One tool call as the log tells of it.

    `status` is asked (of the model), wanted (a person must allow it), started, probing or closed.
    """

    key: str
    plan: e.CallPlan | None = None
    status: str = "asked"
    is_reviewed: bool = False
    parallel: bool = False
    attempt: int = 1
    retry: str = ""
    idempotency_key: str = ""
    request_id: str = ""
    expires_at: float | None = None
    digest: str = ""

    @property
    def waits_for_review(self) -> bool:
        """True if hooks and authorizer have not let it pass yet."""
        plan = self.plan
        needs_review = plan is not None and plan.needs_review and not plan.refusal
        return self.status == "asked" and needs_review and not self.is_reviewed


@dataclass(slots=True)
class CallAudit:
    """Reader of the calls of one agent's log; `require` notes a fault if something does not hold.

    `undoable` are the calls of the open run that can be undone, `undone` those that were.
    """

    require: Callable[[object, str], None]
    once: Callable[[str, str], None]
    calls: list[AuditedCall] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    is_terminated: bool = False
    started_in_run: int = 0
    undoable: list[str] = field(default_factory=list)

    def begin_run(self) -> None:
        """A run has started."""
        self.started_in_run, self.undoable, self.is_terminated = 0, [], False

    def begin_round(self, keys: Sequence[str]) -> None:
        """An answer asks for these calls."""
        self.calls = [AuditedCall(key=key) for key in keys]
        self.is_terminated = False
        for key in keys:
            self.once("call asked", key)

    @property
    def open_keys(self) -> list[str]:
        """Calls without a result."""
        return [call.key for call in self.calls if call.status != "closed"]

    @property
    def pending(self) -> set[str]:
        """Ids of the effects that open calls wait for."""
        effects = set()
        for call in self.calls:
            if call.waits_for_review:
                effects.add(f"{call.key}-review")
            if call.status == "wanted" and call.expires_at is not None:
                effects.add(f"{call.key}-permission")
            if call.status in _OPEN:
                suffix = "-probe" if call.status == "probing" else ""
                effects.add(f"{call.key}@{call.attempt}{suffix}")
        return effects

    def read(self, event: Any) -> None:
        """Judge one more event about calls."""
        match event:
            case e.ToolCallsPlanned():
                self._read_plans(event)
            case e.ToolAuthorizationEvaluated():
                self._read_verdict(event)
            case e.ToolCallReviewed() | e.PermissionRequested() | e.PermissionResolved():
                self._read_review(event)
            case e.PermissionExpired():
                self._read_expiry(event)
            case e.ToolCallStarted():
                self._read_start(event)
            case e.ToolCallRestarted() | e.ToolCallProbeRequested():
                self._read_recovery(event)
            case _:
                self._read_closing(event)

    def _read_plans(self, event: e.ToolCallsPlanned) -> None:
        same = [plan.key for plan in event.calls] == [call.key for call in self.calls]
        self.require(same, "plans do not fit the calls")
        for call, plan in zip(self.calls, event.calls, strict=False):
            call.plan, call.parallel = plan, plan.parallel

    def _call(self, key: str, event: object) -> AuditedCall | None:
        call = next((call for call in self.calls if call.key == key), None)
        closed = key in self.closed or (call is not None and call.status == "closed")
        self.require(not closed, f"{type(event).__name__} for the closed call {key}")
        self.require(call or closed, f"{type(event).__name__} for the unknown call {key}")
        return call

    def _read_verdict(self, event: e.ToolAuthorizationEvaluated) -> None:
        call = self._call(event.key, event)
        self.once("verdict", event.key)
        if call is not None:
            self.require(call.waits_for_review, f"a verdict about {call.key}, unasked")
            call.digest = event.digest

    def _read_expiry(self, event: e.PermissionExpired) -> None:
        call = self._call(event.key, event)
        if call is None:
            return
        self.require(call.status == "wanted", f"permission of {call.key} was not asked for")
        is_late = call.expires_at is not None and event.expired_at >= call.expires_at
        self.require(is_late, f"permission of {call.key} expired too early")
        call.status = "denied"

    def _read_review(
        self, event: e.ToolCallReviewed | e.PermissionRequested | e.PermissionResolved
    ) -> None:
        call = self._call(event.key, event)
        if call is None:
            return
        if isinstance(event, e.PermissionResolved):
            self.require(call.status == "wanted", f"permission of {call.key} was not asked for")
            self.require(call.request_id == event.request_id, "another permission is resolved")
            call.status = "asked" if event.allow else "denied"
            return
        self.require(call.waits_for_review, f"{call.key} reviewed, and nobody asked for that")
        call.is_reviewed, call.parallel = True, event.parallel
        if isinstance(event, e.PermissionRequested):
            self.once("permission asked", event.request_id)
            call.status, call.request_id = "wanted", event.request_id
            call.expires_at = event.expires_at

    def _read_start(self, event: e.ToolCallStarted) -> None:
        call = self._call(event.key, event)
        self.once("call started", event.key)
        self.once("idempotency key", event.idempotency_key)
        if call is None:
            return
        plan = call.plan or e.CallPlan(key=event.key)
        self.require(call.plan is not None, f"{call.key} started without a plan")
        self.require(not plan.refusal, f"the refused call {call.key} started")
        self.require(not plan.is_output, f"{call.key} is the output and started")
        self.require(call.status == "asked", f"{call.key} started while it was {call.status}")
        self.require(not call.waits_for_review, f"{call.key} started before its review")
        self.require(event.retry == plan.retry, f"{call.key} started with another retry mode")
        self.require(not self.is_terminated, f"{call.key} started after the end of the run")
        self._require_lane(call)
        self.started_in_run += 1
        call.status, call.retry = "started", event.retry
        call.idempotency_key = event.idempotency_key

    def _require_lane(self, call: AuditedCall) -> None:
        before = self.calls[: self.calls.index(call)]
        waiting = [other for other in before if other.status != "closed"]
        in_turn = not waiting or (call.parallel and all(o.parallel for o in waiting))
        self.require(in_turn, f"{call.key} started before an earlier call")
        beside = [o for o in self.calls if o.status in _OPEN and o is not call]
        alone = call.parallel and all(o.parallel for o in beside)
        self.require(not beside or alone, f"{call.key} started beside a call that runs alone")

    def _read_recovery(self, event: e.ToolCallRestarted | e.ToolCallProbeRequested) -> None:
        call = self._call(event.key, event)
        if call is None:
            return
        if isinstance(event, e.ToolCallProbeRequested):
            self.require(call.retry == "probe", f"{call.key} has no probe")
            self.require(call.status == "started", f"probe of {call.key}, not started")
            self.require(event.attempt == call.attempt, "the probe is of another attempt")
            call.status = "probing"
            return
        self.require(call.retry != "never", f"never-call run again: {call.key}")
        self.require(call.status in _OPEN, f"restart of {call.key}, which was not open")
        self.require(event.attempt == call.attempt + 1, "attempt does not rise by one")
        limited = call.retry == "probe" or event.attempt <= MOST_ATTEMPTS
        self.require(limited, f"{call.key} is run for the {event.attempt}th time")
        call.status, call.attempt = "started", event.attempt

    def _read_closing(
        self, event: e.ToolCallFinished | e.ToolCallOutcomeUnknown | e.ToolCallSkipped
    ) -> None:
        call = self._call(event.key, event)
        self.once("call closed", event.key)
        self.closed.add(event.key)
        if call is None:
            return
        is_open = call.status in _OPEN
        if isinstance(event, e.ToolCallOutcomeUnknown):
            self.require(is_open, f"{call.key} has an unknown outcome without a start")
        if isinstance(event, e.ToolCallSkipped):
            self.require(not is_open, f"the started call {call.key} is skipped")
        if isinstance(event, e.ToolCallFinished):
            self._read_finish(call, event, is_open=is_open)
        has_failed = isinstance(event, e.ToolCallFinished) and event.is_error and not event.has_run
        if is_open and call.plan and call.plan.can_compensate and not has_failed:
            self.undoable.append(call.key)
        call.status = "closed"

    def _read_finish(self, call: AuditedCall, event: e.ToolCallFinished, *, is_open: bool) -> None:
        plan = call.plan or e.CallPlan(key=event.key)
        was_refused = event.is_error and (
            bool(plan.refusal) or call.status == "denied" or call.waits_for_review
        )
        is_output = plan.is_output and not event.is_error
        self.require(is_open or was_refused or is_output, f"{call.key} finished without a start")
        if event.terminate:
            self.require(not call.parallel, f"the parallel call {call.key} ended the run")
            self.is_terminated = True
