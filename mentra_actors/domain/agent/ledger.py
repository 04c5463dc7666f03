"""The effect ledger: what becomes of a tool call, also when its process died.

The start of a call is durable before the tool runs, with a key that is the same for every
attempt. So after a crash each open call is known, and its `retry` says what may be done:
run it again, ask its probe, or tell the model truthfully that nobody knows.
"""

from collections.abc import Sequence
from typing import assert_never

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.state import AgentState, ToolCall
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.tool_call import OutgoingMail, ToolOutcome
from mentra_actors.ids import EffectId

__all__ = ["MAX_ATTEMPTS", "call_outcome", "recovered_calls", "refused_calls"]

MAX_ATTEMPTS = 5
"""A call that takes its process down each time is not run a sixth time."""


def refused_calls(calls: Sequence[ToolCall], now: float) -> Sequence[e.AgentEvent]:
    """Results of the first of `calls` that are refused without running, if it is one."""
    first = calls[0]
    if not first.refusal:
        return []
    return [
        e.ToolCallFinished(key=first.key, content=first.refusal, is_error=True, finished_at=now)
    ]


def call_outcome(
    command: c.RecordToolOutcome | c.RecordProbeVerdict,
    state: AgentState,
    profile: e.AgentProfile,
) -> Sequence[e.AgentEvent]:
    """Events for an outcome; none if the call is closed already."""
    call = next((call for call in state.calls if call.key == command.key), None)
    if call is None or call.status in ("closed", "planned"):
        return []
    if isinstance(command, c.RecordToolOutcome):
        return _finished(call, command.outcome, profile, command.now)
    if call.status != "probing" or call.attempt != command.attempt:
        return []
    match command.verdict:
        case "done":
            return _finished(call, command.outcome, profile, command.now)
        case "not_done" if call.attempt >= MAX_ATTEMPTS:
            return [_given_up(call, command.now)]
        case "not_done":
            return [_restarted(call, command.now)]
        case "unknown":
            return [_unknown(call, "the tool's probe could not say")]
        case _:
            assert_never(command.verdict)


def _finished(
    call: ToolCall, outcome: ToolOutcome, profile: e.AgentProfile, now: float
) -> Sequence[e.AgentEvent]:
    sent = [e.MailSent(mail=_stamped(mail, profile, now)) for mail in outcome.mail]
    finished = e.ToolCallFinished(
        key=call.key,
        content=outcome.content,
        is_error=outcome.is_error,
        details=outcome.details,
        spilled=outcome.spilled,
        finished_at=now,
    )
    return [*sent, finished]


def _stamped(mail: OutgoingMail, profile: e.AgentProfile, now: float) -> Mail:
    return Mail(mail_id=mail.mail_id, sender=profile.name, to=mail.to, body=mail.body, sent_at=now)


def recovered_calls(
    state: AgentState, running: frozenset[EffectId], now: float
) -> Sequence[e.AgentEvent]:
    """What a new owner does about the calls that an earlier one had started."""
    return [
        _recovered(call, now)
        for call in state.calls
        if call.status == "started" and f"{call.key}@{call.attempt}" not in running
    ]


def _recovered(call: ToolCall, now: float) -> e.AgentEvent:
    match call.retry:
        case "safe" | "idempotent" if call.attempt < MAX_ATTEMPTS:
            return _restarted(call, now)
        case "probe":
            return e.ToolCallProbeRequested(key=call.key, attempt=call.attempt)
        case "safe" | "idempotent":
            return _unknown(call, f"its process died in each of {call.attempt} attempts")
        case "never":
            return _unknown(call, "its process died while it was open")
        case _:
            assert_never(call.retry)


def _restarted(call: ToolCall, now: float) -> e.AgentEvent:
    return e.ToolCallRestarted(key=call.key, attempt=call.attempt + 1, restarted_at=now)


def _given_up(call: ToolCall, now: float) -> e.AgentEvent:
    text = f"Not done: its process died in each of {call.attempt} attempts"
    return e.ToolCallFinished(key=call.key, content=text, is_error=True, finished_at=now)


def _unknown(call: ToolCall, reason: str) -> e.AgentEvent:
    return e.ToolCallOutcomeUnknown(key=call.key, reason=reason)
