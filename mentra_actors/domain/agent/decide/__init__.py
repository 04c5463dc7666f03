"""What an agent does about a command: the answer to it, then every step that now follows.

The parts: `intake` (what comes from outside), `model_outcomes`, `reviews`, `ledger` (what comes of
effects), `recovery` (what a process has left open that died), `endings`, `conversation`; `rounds`
says what follows, `pending` what is waited for.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from mentra_actors.decider import Decider, Follow
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide.branching import branched, conversation_edited
from mentra_actors.domain.agent.decide.compactions import (
    compaction_cancelled,
    compaction_outcome,
    compaction_requested,
    compaction_undone,
    context_full,
)
from mentra_actors.domain.agent.decide.conversation import entry_labelled, leaf_moved
from mentra_actors.domain.agent.decide.endings import (
    cancelled,
    compensation_requested,
    expired,
    idle_timed_out,
    stop_reported,
    stop_requested,
    stopped,
)
from mentra_actors.domain.agent.decide.intake import (
    MAX_PROMPT_CHARS,
    accept_prompt,
    clear_queue,
    configure,
    hand_over_mail,
    queue_input,
    resume_run,
    run_queued,
    set_queue_mode,
    take_late_letter,
    take_mail,
)
from mentra_actors.domain.agent.decide.ledger import (
    board_compensation,
    call_outcome,
    compensation_outcome,
    undoing_given_up,
)
from mentra_actors.domain.agent.decide.model_outcomes import (
    abandoned_answer,
    model_failure,
    model_reply,
)
from mentra_actors.domain.agent.decide.pending import companions, is_busy, pending
from mentra_actors.domain.agent.decide.recovery import recovered, recovery
from mentra_actors.domain.agent.decide.reviews import (
    call_review,
    expired_permission,
    permission_resolution,
)
from mentra_actors.domain.agent.decide.rounds import continued, round_decision
from mentra_actors.domain.agent.decide.subagents import (
    budget_used_up,
    spawn_subagent,
    subagent_ended,
    with_orders,
)
from mentra_actors.domain.agent.effects import (
    AgentEffect,
)
from mentra_actors.domain.agent.evolve import evolve
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.inbox import Mail, MailDelivered, Order, StopOrdered
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import StreamId, inbox_stream

__all__ = ["AGENT", "MAX_PROMPT_CHARS", "decide"]

_Events = Sequence[e.AgentEvent]

_ANSWERS: Mapping[type[object], Callable[[Any, AgentState, e.AgentProfile], _Events]] = {
    c.AcceptPrompt: accept_prompt,
    c.HandOverMail: lambda command, state, _: hand_over_mail(command, state),
    c.QueueInput: lambda command, state, _: queue_input(command, state),
    c.ClearQueue: lambda command, state, _: clear_queue(command, state),
    c.SetQueueMode: lambda command, state, _: set_queue_mode(command, state),
    c.RunQueued: run_queued,
    c.ResumeRun: resume_run,
    c.CancelRun: lambda command, state, _: cancelled(command.reason, state, command.now),
    c.GiveUpUndoing: lambda command, state, _: undoing_given_up(command, state),
    c.StopRun: lambda command, state, _: stop_requested(command, state),
    c.ExpireRun: lambda command, state, _: expired(command, state),
    c.CompensateRun: lambda command, state, _: compensation_requested(command, state),
    c.StopAgent: lambda command, state, _: stopped(state, command.now),
    c.Configure: lambda command, _, profile: configure(command, profile),
    c.CompactConversation: lambda command, state, _: compaction_requested(command, state),
    c.RecordContextFull: lambda command, state, _: context_full(command, state),
    c.RecordCompaction: lambda command, state, _: compaction_outcome(command, state),
    c.CancelCompaction: lambda command, state, _: compaction_cancelled(command, state),
    c.UndoCompaction: lambda command, state, _: compaction_undone(command, state),
    c.MoveLeaf: lambda command, state, _: leaf_moved(command, state),
    c.BranchAgent: lambda command, state, _: branched(command, state),
    c.EditConversation: lambda command, state, _: conversation_edited(command, state),
    c.LabelEntry: lambda command, state, _: entry_labelled(command, state),
    c.ExpirePermission: lambda command, state, _: expired_permission(command, state),
    c.ResolvePermission: lambda command, state, _: permission_resolution(command, state),
    c.LeaveResolution: lambda command, state, _: permission_resolution(command.resolution, state),
    c.TakeMail: take_mail,
    c.TakeLateLetter: take_late_letter,
    c.RecordModelReply: lambda command, state, _: model_reply(command, state),
    c.RecordModelFailure: lambda command, state, _: model_failure(command, state),
    c.RecordAbandonedAnswer: lambda command, state, _: abandoned_answer(command, state),
    c.RecordCallReview: lambda command, state, _: call_review(command, state),
    c.RecordRoundDecision: round_decision,
    c.RecordBudgetUsedUp: lambda command, state, _: budget_used_up(command, state),
    c.SpawnSubagent: spawn_subagent,
    c.RecordSubagentEnd: lambda command, state, _: subagent_ended(command, state),
    c.RecordToolOutcome: call_outcome,
    c.RecordProbeVerdict: call_outcome,
    c.RecordCompensation: lambda command, state, _: compensation_outcome(command, state),
    c.RecordBoardCompensation: lambda command, state, _: board_compensation(command, state),
    c.RecordIdleTimeout: lambda command, state, _: idle_timed_out(command, state),
    c.RecordStopReported: lambda command, state, _: stop_reported(command, state),
    c.RecoverEffects: lambda command, state, _: recovered(command, state),
}


def decide(command: c.AgentCommand, state: AgentState) -> _Events:
    """Events that `command` causes.

    Raises:
        CommandRejected: there is no such agent, it is stopped, what is asked for is not to be
            had, or the words are empty or longer than 2,000,000 characters.
    """
    if state.profile is None:
        raise CommandRejected("there is no such agent; spawn it first")
    answer = _ANSWERS[type(command)](command, state, state.profile)
    if isinstance(command, c.LeaveResolution):
        return answer
    events = continued(answer, state, command.now) if answer else []
    return with_orders(events, state)


def _inbox_position(state: AgentState) -> tuple[StreamId, int] | None:
    if state.profile is None:
        return None
    return inbox_stream(state.profile.agent_id), state.mail_taken_through


def _take(recorded: Sequence[RecordedEvent[object]], now: float) -> c.TakeMail:
    events = [one.event for one in recorded]
    orders = [one for one in events if isinstance(one, Order)]
    ends = (n for n, one in enumerate(events) if isinstance(one, StopOrdered) and one.how == "now")
    end = next(ends, len(events))
    return c.TakeMail(
        mail=_letters(events[:end]),
        late=_letters(events[end:]),
        orders=tuple(orders),
        after_version=recorded[0].stream_version - 1,
        through_version=recorded[-1].stream_version,
        now=now,
    )


def _letters(events: Sequence[object]) -> tuple[Mail, ...]:
    return tuple(one.mail for one in events if isinstance(one, MailDelivered))


def _correlation(state: AgentState) -> str:
    return state.run.run_id if state.run else ""


AGENT: Decider[c.AgentCommand, e.AgentEvent, AgentState, AgentEffect] = Decider(
    category="agent",
    initial=AgentState(),
    event_types=frozenset(get_args(e.AgentEvent)),
    decide=decide,
    evolve=evolve,
    pending=pending,
    is_busy=is_busy,
    companions=companions,
    correlation=_correlation,
    recover=recovery,
    follow=Follow(position=_inbox_position, take=_take),
    fold_version=5,
)
