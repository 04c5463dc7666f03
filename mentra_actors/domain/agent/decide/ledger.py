"""The effect ledger: what becomes of a tool call, also when its process died.

The start of a call is durable before the tool runs, with a key that is the same for every
attempt. So after a crash each open call is known, and its `retry` says what may be done:
run it again, ask its probe, or tell the model truthfully that nobody knows. Calls that are undone
are kept in the same way.
"""

from collections.abc import Sequence
from typing import assert_never

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide.batches import closed_with, skipped_after
from mentra_actors.domain.agent.decide.spending import shared_spending
from mentra_actors.domain.agent.state import AgentState, Compensation, ToolCall
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.tool_call import OutgoingMail, ToolOutcome
from mentra_actors.ids import EffectId, RunId

__all__ = [
    "MAX_ATTEMPTS",
    "board_compensation",
    "call_outcome",
    "compensation_outcome",
    "recovered_calls",
    "recovered_compensations",
    "undoing_given_up",
]

MAX_ATTEMPTS = 5
"""A call that takes its process down each time is not run a sixth time."""


def call_outcome(
    command: c.RecordToolOutcome | c.RecordProbeVerdict,
    state: AgentState,
    profile: e.AgentProfile,
) -> Sequence[e.AgentEvent]:
    """Events for an outcome; none if the call is closed already, or never started."""
    call = next((call for call in state.calls if call.key == command.key), None)
    if call is None or call.status not in ("started", "probing"):
        return []
    if isinstance(command, c.RecordToolOutcome):
        if command.unknown:
            return [_unknown(call, command.unknown)]
        return _finished(call, command.outcome, state, profile, command.now)
    if call.status != "probing" or call.attempt != command.attempt:
        return []
    match command.verdict:
        case "done":
            return _finished(call, command.outcome, state, profile, command.now)
        case "not_done" if call.attempt >= MAX_ATTEMPTS:
            return [_given_up(call, command.now)]
        case "not_done":
            return [_restarted(call, command.now)]
        case "unknown":
            return [_unknown(call, "the tool's probe could not say")]
        case _:
            assert_never(command.verdict)


def _finished(
    call: ToolCall,
    outcome: ToolOutcome,
    state: AgentState,
    profile: e.AgentProfile,
    now: float,
) -> Sequence[e.AgentEvent]:
    sent = [e.MailSent(mail=_stamped(mail, profile, now)) for mail in outcome.mail]
    if outcome.terminate and call.parallel:
        return [*sent, _not_honored(call, now)]
    finished = e.ToolCallFinished(
        key=call.key,
        content=outcome.content,
        is_error=outcome.is_error,
        details=outcome.details,
        spilled=outcome.spilled,
        finished_at=now,
        tool=call.tool,
        call_id=call.call_id,
        terminate=outcome.terminate,
        rest=outcome.rest,
        has_run=outcome.has_run and outcome.is_error,
        attachments=outcome.attachments,
        is_json=outcome.is_json,
        denied=outcome.denied,
    )
    compacted = _compacted(call, outcome, state, now)
    return [
        *sent,
        finished,
        *compacted,
        *(skipped_after(call, state) if outcome.terminate else ()),
    ]


def _compacted(
    call: ToolCall, outcome: ToolOutcome, state: AgentState, now: float
) -> Sequence[e.AgentEvent]:
    run_id = state.run.run_id if state.run else RunId("")
    event: e.ConversationCompacted | e.CompactionSkipped
    if outcome.compaction is not None:
        event = e.ConversationCompacted(
            effect_id=call.key,
            compaction=outcome.compaction,
            compacted_at=now,
            trigger="tool",
            run_id=run_id,
        )
    elif outcome.unwritten is not None:
        event = e.CompactionSkipped(
            effect_id=call.key,
            reason=outcome.unwritten.reason,
            is_error=True,
            usage=outcome.unwritten.usage,
            cost_usd_micros=outcome.unwritten.cost_usd_micros,
            asked_model=outcome.unwritten.asked_model,
            run_id=run_id,
        )
    else:
        return []
    return [event, *shared_spending(event, state)]


def _not_honored(call: ToolCall, now: float) -> e.AgentEvent:
    """A call that runs beside others cannot end the run for them."""
    text = (
        f"not honored: tool '{call.tool}' requested termination from a parallel execution; "
        "only a call that runs alone may end the run"
    )
    return closed_with(call, text, now)


def _stamped(mail: OutgoingMail, profile: e.AgentProfile, now: float) -> Mail:
    return Mail(
        mail_id=mail.mail_id,
        sender=profile.name,
        to=mail.to,
        body=mail.body,
        sent_at=now,
        kind=mail.kind,
        sender_id=profile.agent_id,
    )


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
    return closed_with(call, text, now)


def _unknown(call: ToolCall, reason: str) -> e.AgentEvent:
    return e.ToolCallOutcomeUnknown(
        key=call.key, reason=reason, tool=call.tool, call_id=call.call_id
    )


# --- undoing ----------------------------------------------------------------------------------


def compensation_outcome(
    command: c.RecordCompensation, state: AgentState
) -> Sequence[e.AgentEvent]:
    """How a call was undone; nothing if that is recorded already."""
    one = next((one for one in state.compensations if one.key == command.key), None)
    if one is None or one.attempt != command.attempt:
        return []
    return [
        e.ToolCallCompensated(
            key=one.key,
            tool=one.tool,
            content=command.content,
            is_error=command.is_error,
            finished_at=command.now,
        )
    ]


def undoing_given_up(command: c.GiveUpUndoing, state: AgentState) -> Sequence[e.AgentEvent]:
    """Nothing more is undone; what was being undone may or may not be."""
    why = f"Given up ({command.reason})"
    boards = [
        e.BoardCompensated(
            run_id=run_id, reverted=0, conflicts=0, compensated_at=command.now, problem=why
        )
        for run_id in state.board_undoing
    ]
    calls = [
        e.ToolCallCompensated(
            key=one.key,
            tool=one.tool,
            content=f"{why} while it was being undone" if one.attempt else why,
            is_error=True,
            finished_at=command.now,
        )
        for one in state.compensations
    ]
    return [*calls, *boards]


def board_compensation(
    command: c.RecordBoardCompensation, state: AgentState
) -> Sequence[e.AgentEvent]:
    """What became of the changes of a run; nothing if that is recorded already."""
    if command.run_id not in state.board_undoing:
        return []
    return [
        e.BoardCompensated(
            run_id=command.run_id,
            reverted=command.reverted,
            conflicts=command.conflicts,
            compensated_at=command.now,
            problem=command.problem,
        )
    ]


def recovered_compensations(
    state: AgentState, running: frozenset[EffectId], now: float
) -> Sequence[e.AgentEvent]:
    """What a new owner does about a call that an earlier one was undoing: the same again."""
    return [
        _undone_again(one, now)
        for one in state.compensations
        if one.attempt and f"{one.key}@undo-{one.attempt}" not in running
    ]


def _undone_again(one: Compensation, now: float) -> e.AgentEvent:
    if one.attempt < MAX_ATTEMPTS:
        return e.ToolCallCompensationStarted(
            key=one.key, tool=one.tool, attempt=one.attempt + 1, started_at=now
        )
    text = f"Not undone: its process died in each of {one.attempt} attempts"
    return e.ToolCallCompensated(
        key=one.key, tool=one.tool, content=text, is_error=True, finished_at=now
    )
