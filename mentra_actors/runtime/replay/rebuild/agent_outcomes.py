"""The outcomes of effects of agents, as commands."""

from collections.abc import Iterable

import msgspec

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.compacted import UnwrittenSummary
from mentra_actors.domain.content import Provenance
from mentra_actors.domain.model_call import ModelReply
from mentra_actors.domain.tool_call import OutgoingMail, ToolOutcome
from mentra_actors.ids import EffectId
from mentra_actors.runtime.replay.rebuild.agent_endings import ended_run
from mentra_actors.runtime.replay.rebuild.contract import Builders, KnownAppend, span

__all__ = ["OUTCOMES", "recorded_outcome"]

_Known = KnownAppend[AgentState]
_NEEDS_APPROVAL = "Tool execution requires approval: "
_NOT_HONORED = "not honored: "


def _reply(event: e.ModelReplied, known: _Known) -> Iterable[c.AgentCommand]:
    planned = known.first(e.ToolCallsPlanned)
    provenance = Provenance(provider="", model=event.model, wire=event.wire)
    reply = ModelReply(
        blocks=event.blocks,
        stop_reason=event.stop_reason,
        raw_stop_reason=event.raw_stop_reason,
        usage=event.usage,
        response_id=event.response_id,
        model=event.model,
        provenance=provenance if event.wire else None,
        request_id=event.request_id,
    )
    yield c.RecordModelReply(
        effect_id=event.effect_id,
        reply=reply,
        plans=planned.calls if planned else (),
        now=event.finished_at,
        salt=planned.salt if planned else "",
        cost_usd_micros=event.cost_usd_micros,
        asked_model=event.asked_model,
        is_output=event.is_output,
        output_fault=event.output_fault,
        queued_s=event.queued_s,
        view=event.view,
    )


def _failure(event: e.ModelCallFailed, _: _Known) -> Iterable[c.AgentCommand]:
    """How long the provider asked to wait is told by the wait; without one it is no matter."""
    wait_s = None if event.retry_at is None else span(event.retry_at, event.failed_at)
    failure = c.RecordModelFailure(
        effect_id=event.effect_id,
        kind=event.kind,
        message=event.message,
        transient=event.transient,
        now=event.failed_at,
        partial=c.PartialAnswer(text=event.partial_text, thinking=event.partial_thinking),
        usage=event.usage,
        cost_usd_micros=event.cost_usd_micros,
        asked_model=event.asked_model,
        status=event.status,
        code=event.code,
        request_id=event.request_id,
        queued_s=event.queued_s,
        view=event.view,
    )
    yield failure
    if wait_s is not None:
        yield msgspec.structs.replace(failure, retry_after_s=wait_s)


def _abandoned(event: e.AnswerAbandoned, _: _Known) -> Iterable[c.AgentCommand]:
    yield c.RecordAbandonedAnswer(
        effect_id=event.effect_id,
        partial=c.PartialAnswer(text=event.partial_text, thinking=event.partial_thinking),
        now=event.abandoned_at,
        run_id=event.run_id,
        usage=event.usage,
        cost_usd_micros=event.cost_usd_micros,
        asked_model=event.asked_model,
    )


def _withheld(event: e.ModelCallWithheld, known: _Known) -> Iterable[c.AgentCommand]:
    yield c.RecordBudgetUsedUp(
        effect_id=event.effect_id,
        tokens=event.tokens,
        cost_usd_micros=event.cost_usd_micros,
        now=known.now,
    )


def _review(event: e.ToolAuthorizationEvaluated, known: _Known) -> Iterable[c.AgentCommand]:
    review = c.RecordCallReview(
        key=event.key,
        verdict="refuse" if event.outcome == "deny" else event.outcome,
        now=event.evaluated_at,
        decided_by=event.decided_by,
        reason=event.reason,
        digest=event.digest,
        rule=event.rule,
    )
    beside = known.events[1] if len(known.events) > 1 else None
    yield msgspec.structs.replace(review, **_reviewed(event, beside))


def _reviewed(event: e.ToolAuthorizationEvaluated, beside: object) -> dict[str, object]:
    """What the event beside the verdict says of it."""
    match beside:
        case e.ToolCallReviewed():
            return {name: getattr(beside, name) for name in ("arguments", "parallel", "note")}
        case e.PermissionRequested():
            same = ("preview", "arguments", "parallel", "expires_at", "is_by_tool")
            return {"text": beside.description, **{name: getattr(beside, name) for name in same}}
        case e.ToolCallFinished():
            is_ask = event.outcome == "ask"
            text = beside.content.removeprefix(_NEEDS_APPROVAL) if is_ask else beside.content
            return {"text": text, "denied": beside.denied}
        case _:
            return {}


def _round(event: e.RoundDecided, known: _Known) -> Iterable[c.AgentCommand]:
    """Only what stands beside the decision itself is the strategy's."""
    told, changes = "", e.ProfileChanges()
    for one in known.events[1:3]:
        if isinstance(one, e.AgentReconfigured) and one.reason:
            changes = one.changes
        elif isinstance(one, e.InputPlaced) and event.choice == "inject":
            told = one.injected
    yield c.RecordRoundDecision(
        effect_id=event.effect_id,
        now=known.now,
        choice=event.choice,
        text=told,
        changes=changes,
    )


def _call(
    _: e.MailSent | e.ToolCallFinished | e.ToolCallOutcomeUnknown | e.ToolCallRestarted,
    known: _Known,
) -> Iterable[c.AgentCommand]:
    match next((one for one in known.events if not isinstance(one, e.MailSent)), None):
        case e.ToolCallFinished() as finished:
            yield from _finished(finished, known)
        case e.ToolCallRestarted() as again:
            key, now = again.key, again.restarted_at
            yield _verdict(key, "not_done", ToolOutcome(content=""), now, known)
        case e.ToolCallOutcomeUnknown() as unknown:
            yield c.RecordToolOutcome(
                key=unknown.key,
                outcome=ToolOutcome(content=""),
                now=known.now,
                unknown=unknown.reason,
            )
            yield from ended_run(unknown, known)
        case _:
            return


def _finished(event: e.ToolCallFinished, known: _Known) -> Iterable[c.AgentCommand]:
    outcome = recorded_outcome(event, known.events)
    now = event.finished_at
    if event.content.startswith(_NOT_HONORED):
        ends = msgspec.structs.replace(outcome, content="", terminate=True)
        yield c.RecordToolOutcome(key=event.key, outcome=ends, now=now)
    yield c.RecordToolOutcome(key=event.key, outcome=outcome, now=now)
    yield _verdict(event.key, "done", outcome, now, known)
    yield _verdict(event.key, "not_done", outcome, now, known)


def _verdict(
    key: EffectId, verdict: str, outcome: ToolOutcome, now: float, known: _Known
) -> c.RecordProbeVerdict:
    attempt = next((one.attempt for one in known.state.calls if one.key == key), 1)
    return c.RecordProbeVerdict(
        key=key,
        attempt=attempt,
        verdict=verdict,  # type: ignore[arg-type]
        outcome=outcome,
        now=now,
    )


def recorded_outcome(event: e.ToolCallFinished, events: Iterable[object]) -> ToolOutcome:
    """What came of a call, as its tool has told it; `events` are those of the append.

    Its letters stand in front of its result.
    """
    mail: list[OutgoingMail] = []
    compaction, unwritten, is_told = None, None, False
    for one in events:
        is_told = is_told or one == event
        if isinstance(one, e.MailSent) and not is_told:
            kind = "broadcast" if one.mail.kind == "broadcast" else "message"
            letter = one.mail
            mail.append(
                OutgoingMail(mail_id=letter.mail_id, to=letter.to, body=letter.body, kind=kind)  # type: ignore[arg-type]
            )
        elif isinstance(one, e.ConversationCompacted) and one.effect_id == event.key:
            compaction = one.compaction
        elif isinstance(one, e.CompactionSkipped) and one.effect_id == event.key:
            unwritten = UnwrittenSummary(
                reason=one.reason,
                asked_model=one.asked_model,
                usage=one.usage,
                cost_usd_micros=one.cost_usd_micros,
            )
    same = {name: getattr(event, name) for name in _SAME_FIELDS}
    return ToolOutcome(mail=tuple(mail), compaction=compaction, unwritten=unwritten, **same)


_SAME_FIELDS = tuple(
    name for name in ToolOutcome.__struct_fields__ if name in e.ToolCallFinished.__struct_fields__
)


def _summary(
    event: e.ConversationCompacted | e.CompactionRetried, known: _Known
) -> Iterable[c.AgentCommand]:
    if isinstance(event, e.CompactionRetried):
        yield c.RecordCompaction(
            effect_id=event.effect_id,
            now=event.retried_at,
            problem=event.error,
            is_error=True,
            attempt=event.attempt - 1,
            transient=True,
            retry_after_s=span(event.not_before, event.retried_at),
            usage=event.usage,
            cost_usd_micros=event.cost_usd_micros,
            asked_model=event.asked_model,
        )
        return
    one = known.state.compaction
    yield c.RecordCompaction(
        effect_id=event.effect_id,
        now=event.compacted_at,
        compaction=event.compaction,
        attempt=one.attempt if one else 1,
    )


def _subagent_end(event: e.SubagentFinished, _: _Known) -> Iterable[c.AgentCommand]:
    yield c.RecordSubagentEnd(agent_id=event.agent_id, how=event.how, now=event.finished_at)


def _reported(event: e.StopReported, _: _Known) -> Iterable[c.AgentCommand]:
    yield c.RecordStopReported(
        effect_id=event.effect_id, now=event.reported_at, problem=event.problem
    )


OUTCOMES: Builders = {
    e.ModelReplied: _reply,
    e.ModelCallFailed: _failure,
    e.AnswerAbandoned: _abandoned,
    e.ModelCallWithheld: _withheld,
    e.ToolAuthorizationEvaluated: _review,
    e.RoundDecided: _round,
    e.MailSent: _call,
    e.ToolCallFinished: _call,
    e.ToolCallOutcomeUnknown: _call,
    e.ToolCallRestarted: _call,
    e.ConversationCompacted: _summary,
    e.CompactionRetried: _summary,
    e.SubagentFinished: _subagent_end,
    e.StopReported: _reported,
}
"""By the class of the first event of an append."""
