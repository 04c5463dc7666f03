"""Everything that happened, one line per event, in the words of people.

The view is kept in pages of 256 positions. A stored event type without a sentence here is shown
by its tag.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from mentra_actors.decider import ByEvent
from mentra_actors.domain import (
    budget,
    inbox,
    lease,
    memory,
    permission_rules,
)
from mentra_actors.domain.agent import events as agent
from mentra_actors.domain.background import events as background
from mentra_actors.domain.content import ToolCallBlock, text_of
from mentra_actors.domain.rule_match import match_words
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId
from projections.views.board_sentences import BOARD_SENTENCES
from projections.views.framework_sentences import FRAMEWORK_SENTENCES
from projections.views.sentence_words import by_whom, clipped, counted, quoted
from projections.views.team_sentences import TEAM_SENTENCES

__all__ = [
    "PAGE_POSITIONS",
    "SENTENCES",
    "TIMELINE",
    "TimelineLine",
    "TimelinePage",
    "TimelineProjection",
    "line_of",
    "page_keys",
    "sentence_of",
]

PAGE_POSITIONS = 256


class TimelineLine(msgspec.Struct, frozen=True, kw_only=True):
    """One event."""

    global_position: int
    recorded_at: float
    """Unix seconds."""
    stream_id: StreamId
    stream_version: int
    sentence: str


class TimelinePage(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of 256 neighbouring positions."""

    lines: tuple[TimelineLine, ...] = ()


class TimelineProjection:
    """Everything that happened, a line for each event.

    View: a page per 256 positions, under its number; see `page_keys`.
    """

    name = "timeline"
    version = 2
    handles: frozenset[type[object]] | None = None
    view_type = TimelinePage

    def keys(self, recorded: RecordedEvent[object]) -> Sequence[str]:
        """See `Projection.keys`."""
        return (_page_key(recorded.global_position),)

    def initial(self, key: str) -> TimelinePage:  # noqa: ARG002 - all pages start empty
        """See `Projection.initial`."""
        return TimelinePage()

    def apply(self, view: TimelinePage, key: str, recorded: RecordedEvent[object]) -> TimelinePage:  # noqa: ARG002 - one key per page
        """See `Projection.apply`."""
        return TimelinePage(lines=(*view.lines, line_of(recorded)))


TIMELINE = TimelineProjection()


def page_keys(first_position: int, last_position: int) -> Sequence[str]:
    """Keys of the pages that hold these positions, both included, in order."""
    first = max(first_position, 1)
    if last_position < first:
        return []
    start = (first - 1) // PAGE_POSITIONS * PAGE_POSITIONS + 1
    return [_page_key(at) for at in range(start, last_position + 1, PAGE_POSITIONS)]


def line_of(recorded: RecordedEvent[object]) -> TimelineLine:
    """The line of one event."""
    return TimelineLine(
        global_position=recorded.global_position,
        recorded_at=recorded.recorded_at_ns / 1e9,
        stream_id=recorded.stream_id,
        stream_version=recorded.stream_version,
        sentence=sentence_of(recorded),
    )


def sentence_of(recorded: RecordedEvent[object]) -> str:
    """What happened, in one line of at most 120 characters."""
    sentence = SENTENCES.get(type(recorded.event))
    return clipped(recorded.event_type if sentence is None else sentence(recorded.event))


def _page_key(position: int) -> str:
    return f"{(position - 1) // PAGE_POSITIONS:012d}"


def _replied(event: agent.ModelReplied) -> str:
    asked = [block.name for block in event.blocks if isinstance(block, ToolCallBlock)]
    text = text_of(event.blocks)
    tokens = f"{event.usage.output_tokens} tokens{_queued(event.queued_s)}"
    if asked:
        return f"model asked for {', '.join(asked)} ({tokens})"
    return f"model replied {quoted(text)} ({tokens})" if text else f"model replied ({tokens})"


def _input_placed(event: agent.InputPlaced) -> str:
    shown = [
        counted(len(ids), word)
        for ids, word in (
            (event.prompt_ids, "prompt"),
            (event.steer_ids, "steer"),
            (event.follow_up_ids, "follow-up"),
            (event.mail_ids, "letter"),
        )
        if ids
    ]
    if event.injected:
        shown.append(quoted(event.injected))
    return f"model is shown {' and '.join(shown) or 'nothing new'}"


def _model_requested(event: agent.ModelCallRequested) -> str:
    again = f", attempt {event.attempt}" if event.attempt > 1 else ""
    other = f", {event.model}" if event.model else ""
    return f"model asked, round {event.round}{again}{other}"


def _model_failed(event: agent.ModelCallFailed) -> str:
    return f"model call failed ({event.kind}{_queued(event.queued_s)}): {event.message}"


def _queued(seconds: float) -> str:
    """How long a call had waited for its turn, if it had."""
    return f", {seconds:.1f} s in the queue" if seconds else ""


def _tool_finished(event: agent.ToolCallFinished) -> str:
    how = "failed" if event.is_error else "finished"
    return f"{event.key} {how}: {event.content}"


def _shared_spending(event: agent.SharedSpending) -> str:
    used = counted(event.tokens, "token")
    if event.effect_id == "before":
        return f"{event.budget} is shared from now on, with {used} that were used before"
    return f"{event.effect_id} used {used} of {event.budget}"


def _run_finished(event: agent.RunFinished) -> str:
    if event.early_end:
        return f"run {event.run_id} ended early: {event.early_end.replace('_', ' ')}"
    how = "" if event.ending == "answered" else f" ({event.ending})"
    return f"run {event.run_id} finished{how}"


def _reconfigured(event: agent.AgentReconfigured) -> str:
    changed = msgspec.to_builtins(event.changes)
    return f"works in another way: {', '.join(changed) or 'as before'}"


def _returned(event: agent.InputReturned) -> str:
    ids = (*event.mail_ids, *event.steer_ids, *event.follow_up_ids)
    return f"{counted(len(ids), 'input')} of {event.run_id} wait again"


def _labelled(event: agent.EntryLabelled) -> str:
    name = f"is named {quoted(event.label)}" if event.label else "has no name any more"
    return f"entry {event.entry} {name}"


_VERDICTS = {"allow": "let through", "ask": "decided by a person", "deny": "refused"}


def _evaluated(event: agent.ToolAuthorizationEvaluated) -> str:
    why = f": {event.reason}" if event.reason else ""
    return f"{event.key} is to be {_VERDICTS[event.outcome]} ({event.decided_by}){why}"


def _resolved(event: agent.PermissionResolved) -> str:
    who = event.resolved_by or "the host"
    why = f": {event.reason}" if event.reason else ""
    return f"{event.tool or event.key} {'allowed' if event.allow else 'denied'} by {who}{why}"


def _compensated(event: agent.ToolCallCompensated) -> str:
    how = "could not be undone" if event.is_error else "was undone"
    return f"{event.key} {how}: {event.content}"


def _board_compensated(event: agent.BoardCompensated) -> str:
    if event.problem:
        return f"the board keeps what {event.run_id} has changed: {event.problem}"
    kept = f", {event.conflicts} kept" if event.conflicts else ""
    return f"{counted(event.reverted, 'change')} of the board by {event.run_id} undone{kept}"


def _why_compacted(event: agent.CompactionRequested) -> str:
    if event.trigger == "overflow":
        return f", {event.awaited_by} was too long for its model"
    if event.trigger == "auto":
        return f", {event.awaited_by} would have {event.tokens} of {event.limit} tokens"
    return ""


def _job_ended(how: str) -> Callable[[Any], str]:
    def sentence(event: background.JobTimedOut | background.JobCancelled) -> str:
        return f"{event.job_id} {how}, with {event.output.total_bytes:,} bytes of output"

    return sentence


def _job_started(event: background.JobStarted) -> str:
    return f"{event.job_id} runs" + (f" as process {event.pid}" if event.pid else "")


def _job_stop_requested(event: background.JobStopRequested) -> str:
    by = f" by {event.by}" if event.by else ""
    why = f": {event.reason}" if event.reason else ""
    return f"{event.job_id} is to end ({event.cause.replace('_', ' ')}{by}){why}"


def _lease_acquired(event: lease.LeaseAcquired) -> str:
    after = f", taken from {event.taken_from}" if event.taken_from else ""
    return f"{event.holder} holds the lease, epoch {event.epoch}{after}"


def _rule_remembered(event: permission_rules.RuleRemembered) -> str:
    rule = event.rule
    answer = "allowed" if rule.allow else "denied"
    what = match_words(rule.match, rule.tool)
    return f"rule {rule.rule_id}: {rule.tool} is {answer}, {what}{by_whom(rule.remembered_by)}"


SENTENCES: ByEvent[str] = {
    **FRAMEWORK_SENTENCES,
    **TEAM_SENTENCES,
    agent.AgentSpawned: lambda e: (
        f"{e.profile.name} began as {e.profile.role} ({e.profile.model})"
    ),
    agent.PromptAccepted: lambda e: f"prompt {quoted(e.text)}",
    agent.MailTaken: lambda e: f"took {counted(len(e.mail), 'letter')} from the inbox",
    agent.MailHandedOver: lambda e: f"{counted(len(e.mail_ids), 'letter')} read by the host",
    agent.InputQueued: lambda e: f"{e.queue.replace('_', '-')} {quoted(e.text)}",
    agent.InputReturned: _returned,
    agent.QueueCleared: lambda e: f"the {e.queue.replace('_', '-')} queue was cleared",
    agent.QueueModeChanged: lambda e: (
        f"the {e.queue.replace('_', '-')} queue is taken {e.mode.replace('_', ' ')}"
    ),
    agent.AgentReconfigured: _reconfigured,
    agent.ToolAuthorizationEvaluated: _evaluated,
    agent.PermissionExpired: lambda e: f"{e.key}: nobody has decided in time",
    agent.CompactionRequested: lambda e: (
        f"{e.effect_id}: the conversation is summarized{_why_compacted(e)}"
    ),
    agent.CompactionAwaited: lambda e: f"{e.awaited_by} waits for {e.effect_id}",
    agent.CompactionRetried: lambda e: f"{e.effect_id}: no summary yet, tried again: {e.error}",
    agent.CompactionUndone: lambda e: f"{e.effect_id} taken back: its words are told again",
    agent.ConversationCompacted: lambda e: (
        f"older entries told as a summary: {e.compaction.replaced}"
    ),
    agent.CompactionSkipped: lambda e: f"not compacted: {e.reason}",
    agent.LeafMoved: lambda e: f"goes on from entry {e.to_entry} ({e.reason})",
    agent.EntryLabelled: _labelled,
    agent.RunStopRequested: lambda e: f"run {e.run_id} is asked to stop: {e.reason}",
    agent.AnswerAbandoned: lambda e: f"{e.effect_id} broke off at {quoted(e.partial_text)}",
    agent.RoundDecisionRequested: lambda e: f"the strategy is asked, boundary {e.boundary}",
    agent.RoundDecided: lambda e: f"the strategy says {e.choice}",
    agent.ToolCallReviewed: lambda e: f"{e.key} may run",
    agent.PermissionRequested: lambda e: f"{e.key} waits for a person: {e.tool}",
    agent.PermissionResolved: _resolved,
    agent.CompensationRequested: lambda e: f"calls of {e.run_id} are undone",
    agent.ToolCallCompensationStarted: lambda e: f"{e.key} is undone: {e.tool}",
    agent.ToolCallCompensated: _compensated,
    agent.BoardCompensated: _board_compensated,
    agent.RunStarted: lambda e: f"run {e.run_id} started",
    agent.InputPlaced: _input_placed,
    agent.ModelCallRequested: _model_requested,
    agent.ModelReplied: _replied,
    agent.ModelCallFailed: _model_failed,
    agent.ToolCallsPlanned: lambda e: f"{counted(len(e.calls), 'tool call')} planned",
    agent.ToolCallStarted: lambda e: f"{e.key} started: {e.tool}",
    agent.ToolCallRestarted: lambda e: f"{e.key} started again, attempt {e.attempt}",
    agent.ToolCallProbeRequested: lambda e: f"{e.key}: the tool is asked what became of it",
    agent.ToolCallFinished: _tool_finished,
    agent.ToolCallOutcomeUnknown: lambda e: f"{e.key}: outcome unknown, {e.reason}",
    agent.ToolCallSkipped: lambda e: f"{e.key} skipped: {e.reason}",
    agent.MailSent: lambda e: f"mail to {e.mail.to}: {quoted(e.mail.body)}",
    agent.RunFinished: _run_finished,
    agent.RunFailed: lambda e: f"run {e.run_id} failed ({e.kind}): {e.message}",
    agent.RunCancelled: lambda e: f"run {e.run_id} cancelled: {e.reason}",
    agent.AgentBranched: lambda e: f"goes on in branch {e.branch} from position {e.position}",
    agent.ConversationEdited: lambda e: (
        f"{e.kind} put in the place of entry {e.entry}: {quoted(e.text)}"
        if e.entry
        else f"{e.kind} put behind the last entry: {quoted(e.text)}"
    ),
    agent.AgentRecovered: lambda e: f"recovered with {len(e.open_effects)} effects open",
    agent.SubagentSpawned: lambda e: f"{e.key} made subagent {e.profile.name}",
    agent.SubagentFinished: lambda e: f"subagent {e.agent_id} {e.how}",
    agent.SubagentEndOrdered: lambda e: f"subagent {e.agent_id} is to end ({e.how}): {e.reason}",
    agent.SharedSpending: _shared_spending,
    agent.ModelCallWithheld: lambda e: (
        f"the model is not asked: {e.limit.replace('_', ' ')} used up ({e.tokens} tokens by all)"
    ),
    agent.AgentStopPlanned: lambda e: f"is to stop when nothing waits for it: {e.reason}",
    agent.AgentRenamed: lambda e: f"has the name {e.name} from here on",
    agent.AgentStopped: lambda e: f"stopped: {e.reason}" if e.reason else "stopped",
    agent.MailCameLate: lambda e: (
        f"{counted(len(e.letters), 'letter')} came too late and will not be read"
    ),
    agent.StopReported: lambda e: (
        f"the team was not told of the end: {e.problem}"
        if e.problem
        else "the team knows of the end"
    ),
    inbox.StopOrdered: lambda e: f"an order to stop ({e.how.replace('_', ' ')}): {e.reason}",
    inbox.RenameOrdered: lambda e: f"an order to take the name {e.name}",
    inbox.RunEndOrdered: lambda e: f"an order to end ({e.how}): {e.reason}",
    budget.BudgetSpent: lambda e: f"{e.agent_id} used {counted(e.tokens, 'token')}",
    inbox.MailDelivered: lambda e: f"mail from {e.mail.sender}: {quoted(e.mail.body)}",
    **BOARD_SENTENCES,
    lease.LeaseAcquired: _lease_acquired,
    lease.LeaseRenewed: lambda e: f"lease of epoch {e.epoch} renewed",
    lease.LeaseReleased: lambda e: f"lease of epoch {e.epoch} released",
    background.JobRequested: lambda e: f"{e.job_id} wanted in the background: {e.command}",
    background.JobRejected: lambda e: f"no more than {e.limit} in the background: {e.command}",
    background.JobsClosed: lambda e: f"no job begins any more: {e.reason}",
    background.JobStarted: _job_started,
    background.JobStopRequested: _job_stop_requested,
    background.JobFinished: lambda e: f"{e.job_id} ended with exit code {e.exit_code}",
    background.JobFailed: lambda e: f"{e.job_id} could not be started: {e.error}",
    background.JobTimedOut: _job_ended("was stopped at its time limit"),
    background.JobCancelled: _job_ended("was cancelled"),
    background.JobInterrupted: lambda e: f"{e.job_id} was interrupted: {e.reason}",
    permission_rules.RuleRemembered: _rule_remembered,
    permission_rules.RuleRevoked: lambda e: f"rule {e.rule_id} revoked{by_whom(e.revoked_by)}",
    permission_rules.ScopeCleared: lambda e: f"all rules here forgotten{by_whom(e.cleared_by)}",
    memory.MemoryRecorded: lambda e: (
        f"{e.record.by} keeps {e.record.kind} {quoted(e.record.content)}"
    ),
    memory.MemoryForgotten: lambda e: f"{e.by} forgets {e.record_id}",
}
"""A sentence for each stored event type."""
