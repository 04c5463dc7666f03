"""The commands of agents: what people, programs and other members ask of them."""

from collections.abc import Iterable

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.inbox import Mail, Order, RenameOrdered, RunEndOrdered, StopOrdered
from mentra_actors.ids import EffectId, name_of
from mentra_actors.runtime.replay.rebuild.agent_endings import (
    compaction_skipped,
    ended_run,
    given_up_boards,
    given_up_calls,
    run_failed,
    stop_of_agent,
    stop_requested,
)
from mentra_actors.runtime.replay.rebuild.agent_outcomes import OUTCOMES
from mentra_actors.runtime.replay.rebuild.contract import Builders, KnownAppend

__all__ = ["AGENT_COMMANDS"]

_Known = KnownAppend[AgentState]


def _prompt(event: e.PromptAccepted, _: _Known) -> Iterable[c.AgentCommand]:
    yield c.AcceptPrompt(
        prompt_id=event.prompt_id,
        text=event.text,
        now=event.accepted_at,
        options=event.options,
        attachments=event.attachments,
    )


def _mail(event: e.MailTaken | e.MailCameLate, known: _Known) -> Iterable[c.AgentCommand]:
    """What the inbox held is on the log; where it is not at hand, what the events say of it."""
    after = known.state.mail_taken_through
    recorded = known.taken(event.inbox, after, event.through_version)
    if recorded and AGENT.follow is not None:
        yield AGENT.follow.take(recorded, known.now)
    yield c.TakeMail(
        mail=event.mail if isinstance(event, e.MailTaken) else (),
        after_version=after,
        through_version=event.through_version,
        now=known.now,
        orders=tuple(_orders(known)),
        late=_late(known),
    )


def _orders(known: _Known) -> Iterable[Order]:
    for event in known.events:
        match event:
            case e.AgentRenamed():
                yield RenameOrdered(name=event.name)
            case e.AgentStopPlanned():
                yield StopOrdered(
                    how="when_done", reason=event.reason, ordered_by=event.planned_by
                )
            case e.AgentStopped(inbox=""):
                yield StopOrdered(how="now", reason=event.reason)
            case e.RunStopRequested():
                yield RunEndOrdered(how="stop", reason=event.reason)
            case _:
                continue


def _late(known: _Known) -> tuple[Mail, ...]:
    late = known.first(e.MailCameLate)
    if late is None:
        return ()
    to = known.state.profile.agent_id if known.state.profile else name_of(known.stream_id)
    return tuple(
        Mail(mail_id=one.mail_id, sender=one.sender, to=to, body="…", sent_at=0.0)  # type: ignore[arg-type]
        for one in late.letters
    )


def _handed_over(event: e.MailHandedOver, _: _Known) -> Iterable[c.AgentCommand]:
    yield c.HandOverMail(command_id=event.command_id, now=event.handed_at)


def _queued(event: e.InputQueued, _: _Known) -> Iterable[c.AgentCommand]:
    yield c.QueueInput(
        queue=event.queue,
        item_id=event.item_id,
        text=event.text,
        now=event.queued_at,
        attachments=event.attachments,
    )


def _cleared(event: e.QueueCleared, _: _Known) -> Iterable[c.AgentCommand]:
    yield c.ClearQueue(queue=event.queue, now=event.cleared_at)


def _mode(event: e.QueueModeChanged, known: _Known) -> Iterable[c.AgentCommand]:
    yield c.SetQueueMode(queue=event.queue, mode=event.mode, now=known.now)


def _run(event: e.RunStarted, _: _Known) -> Iterable[c.AgentCommand]:
    made = c.ResumeRun if event.resumes else c.RunQueued
    yield made(command_id=event.asked_by, now=event.started_at, options=event.options)


def _configured(event: e.AgentReconfigured, _: _Known) -> Iterable[c.AgentCommand]:
    yield c.Configure(changes=event.changes, now=event.changed_at, reason=event.reason)


def _compaction(event: e.CompactionRequested, _: _Known) -> Iterable[c.AgentCommand]:
    now = event.requested_at
    if event.trigger == "manual":
        yield c.CompactConversation(now=now)
        return
    yield c.RecordContextFull(
        effect_id=event.awaited_by, tokens=event.tokens, limit=event.limit, now=now
    )


def _compaction_awaited(event: e.CompactionAwaited, known: _Known) -> Iterable[c.AgentCommand]:
    yield c.RecordContextFull(effect_id=event.awaited_by, tokens=0, limit=0, now=known.now)


def _undone(event: e.CompactionUndone, _: _Known) -> Iterable[c.AgentCommand]:
    yield c.UndoCompaction(compaction=event.effect_id, now=event.undone_at)


def _undoing(event: e.CompensationRequested, _: _Known) -> Iterable[c.AgentCommand]:
    yield c.CompensateRun(now=event.requested_at)


def _moved(event: e.LeafMoved, _: _Known) -> Iterable[c.AgentCommand]:
    yield c.MoveLeaf(to_entry=event.to_entry, now=event.moved_at)


def _branched(event: e.AgentBranched, _: _Known) -> Iterable[c.AgentCommand]:
    yield c.BranchAgent(
        branch=event.branch,
        position=event.position,
        salt=event.salt,
        now=event.branched_at,
        by=event.by,
    )


def _edited(event: e.ConversationEdited, _: _Known) -> Iterable[c.AgentCommand]:
    yield c.EditConversation(
        command_id=event.command_id,
        kind=event.kind,
        text=event.text,
        now=event.edited_at,
        entry=event.entry,
        key=event.key,
        by=event.by,
    )


def _labelled(event: e.EntryLabelled, known: _Known) -> Iterable[c.AgentCommand]:
    yield c.LabelEntry(entry=event.entry, label=event.label, now=known.now)


def _resolved(event: e.PermissionResolved, _: _Known) -> Iterable[c.AgentCommand]:
    resolution = c.ResolvePermission(
        request_id=event.request_id,
        allow=event.allow,
        now=event.resolved_at,
        reason=event.reason,
        resolved_by=event.resolved_by,
        remember=event.remembered or None,  # type: ignore[arg-type]
        match=event.rule.match if event.rule else None,
        command_id=event.command_id,
    )
    yield resolution
    yield c.LeaveResolution(resolution=resolution, now=event.resolved_at)


def _expired(event: e.PermissionExpired, _: _Known) -> Iterable[c.AgentCommand]:
    yield c.ExpirePermission(request_id=event.request_id, now=event.expired_at)


def _subagent(_: e.SubagentSpawned | e.SharedSpending, known: _Known) -> Iterable[c.AgentCommand]:
    spawned = known.first(e.SubagentSpawned)
    if spawned is not None:
        yield c.SpawnSubagent(
            key=spawned.key,
            profile=spawned.profile,
            now=spawned.spawned_at,
            options=spawned.options,
        )


def _recovered(event: e.AgentRecovered, known: _Known) -> Iterable[c.AgentCommand]:
    """Effects that are not named as open were still performed."""
    running = frozenset(AGENT.pending(known.state)) - set(event.open_effects)
    failed = known.first(e.ModelCallFailed)
    partials: dict[EffectId, c.PartialAnswer] = {}
    if failed is not None:
        partial = c.PartialAnswer(text=failed.partial_text, thinking=failed.partial_thinking)
        partials = {failed.effect_id: partial}
    yield c.RecoverEffects(running=running, now=event.recovered_at, partials=partials)


AGENT_COMMANDS: Builders = {
    **OUTCOMES,
    e.PromptAccepted: _prompt,
    e.MailTaken: _mail,
    e.MailCameLate: _mail,
    e.MailHandedOver: _handed_over,
    e.InputQueued: _queued,
    e.QueueCleared: _cleared,
    e.QueueModeChanged: _mode,
    e.RunStarted: _run,
    e.AgentReconfigured: _configured,
    e.CompactionRequested: _compaction,
    e.CompactionAwaited: _compaction_awaited,
    e.CompactionUndone: _undone,
    e.CompensationRequested: _undoing,
    e.LeafMoved: _moved,
    e.EntryLabelled: _labelled,
    e.AgentBranched: _branched,
    e.ConversationEdited: _edited,
    e.PermissionResolved: _resolved,
    e.PermissionExpired: _expired,
    e.SubagentSpawned: _subagent,
    e.SharedSpending: _subagent,
    e.AgentRecovered: _recovered,
    e.RunStopRequested: stop_requested,
    e.RunCancelled: ended_run,
    e.RunFailed: run_failed,
    e.RunFinished: ended_run,
    e.ToolCallSkipped: ended_run,
    e.CompactionSkipped: compaction_skipped,
    e.AgentStopped: stop_of_agent,
    e.ToolCallCompensated: given_up_calls,
    e.BoardCompensated: given_up_boards,
}
"""By the class of the first event of an append."""
