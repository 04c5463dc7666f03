"""What can be told to one agent besides prompts, and asked of it. Safe from any thread."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, get_args

import msgspec

from mentra_actors.actors.messages import Accepted
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.events import LeafMoved, ModelReplied
from mentra_actors.domain.agent.events.inputs import QueueMode, QueueName
from mentra_actors.domain.agent.profile import ProfileChanges
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.content import Attachment, Message, text_of
from mentra_actors.domain.conversation_tree import (
    Entry,
    Transcript,
    children_of,
    closed,
    path_to,
)
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.past_requests import call_of_round, seen_messages
from mentra_actors.domain.transcript import apply
from mentra_actors.effects.models.attached_blobs import kept_attachments
from mentra_actors.errors import ActorQuarantined, CommandRejected
from mentra_actors.ids import (
    AgentId,
    CommandId,
    EffectId,
    EntryId,
    RunId,
    StreamId,
    agent_stream,
    background_stream,
    team_stream,
)
from mentra_actors.runtime.agents.attachments import checked_attachments
from mentra_actors.runtime.agents.decisions import Decision
from mentra_actors.runtime.agents.profiles import warn_of_unknown_tools
from mentra_actors.runtime.agents.run_operations import new_id
from mentra_actors.runtime.agents.subagent_status import with_status
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.futures import chained, mapped, recovered
from mentra_actors.runtime.plain_arguments import (
    require_call,
    require_entry,
    require_text,
    require_whole,
)
from mentra_actors.runtime.views.snapshots import (
    AgentSnapshot,
    agent_snapshot,
    with_jobs_of,
    with_team_of,
)
from projections.views.transcript import transcript_items
from projections.views.transcript_item import TranscriptItem
from projections.views.usage import (
    AgentUsage,
    RunUsage,
    agent_usage,
    events_with_subagents,
    run_usage,
    usage_of_events,
)

__all__ = ["AgentOperations"]


class AgentOperations:
    """Commands and questions to single agents, as futures; those that read a log block."""

    def __init__(self, core: RuntimeCore) -> None:
        self._core = core

    def state(self, agent_id: AgentId) -> "Future[AgentState]":
        """State of an agent."""
        return mapped(self._core.look(agent_stream(agent_id)), lambda accepted: accepted.state)

    def snapshot(self, agent_id: AgentId) -> "Future[AgentSnapshot]":
        """What an agent does now."""
        stream_id = agent_stream(agent_id)

        def taken(accepted: Accepted) -> "Future[AgentSnapshot]":
            profile = accepted.state.profile
            if profile is None:
                raise CommandRejected("there is no such agent; spawn it first")
            heard = self._core.answers.heard(stream_id)
            now = self._core.clock.now()
            snapshot = agent_snapshot(accepted.state, accepted.stream_version, heard, now)
            jobs, team = background_stream(agent_id), team_stream(profile.team_id)
            with_jobs = self._completed(snapshot, jobs, with_jobs_of)
            return chained(with_jobs, lambda one: self._completed(one, team, with_team_of))

        return chained(chained(self._core.look(stream_id), taken), self._with_subagents)

    def _with_subagents(self, snapshot: AgentSnapshot) -> "Future[AgentSnapshot]":
        """The snapshot with what is true of subagents of the program. Reads their logs."""
        complete: Future[AgentSnapshot] = Future()
        complete.set_result(snapshot)
        if all(one.key for one in snapshot.subagents):
            return complete

        def with_truth(one: AgentSnapshot) -> AgentSnapshot:
            subagents = with_status(self._core, one.subagents)
            return msgspec.structs.replace(one, subagents=subagents)

        return mapped(complete, with_truth, on=self._core.readers)

    def _completed(
        self,
        snapshot: AgentSnapshot,
        beside: StreamId,
        complete: Callable[[AgentSnapshot, Any], AgentSnapshot],
    ) -> "Future[AgentSnapshot]":
        """The snapshot with what another stream says, if there is one. Reads the store."""
        as_it_is: Future[AgentSnapshot] = Future()
        as_it_is.set_result(snapshot)
        if not self._core.store.stream_version(beside):
            return as_it_is
        completed = mapped(self._core.look(beside), lambda one: complete(snapshot, one.state))
        return recovered(
            completed, lambda error: as_it_is if isinstance(error, ActorQuarantined) else None
        )

    def give_up_undoing(self, agent_id: AgentId, reason: str) -> "Future[Accepted]":
        """Undo nothing more of the run that was broken off last.

        Raises:
            TypeError, ValueError: the reason is not text that can be stored.
        """
        require_text(reason, "a reason")
        return self._ask(agent_id, lambda now: c.GiveUpUndoing(now=now, reason=reason))

    def stop(self, agent_id: AgentId) -> "Future[Accepted]":
        """Let the agent take nothing any more."""
        return self._ask(agent_id, lambda now: c.StopAgent(now=now))

    def configure(self, agent_id: AgentId, changes: ProfileChanges) -> "Future[Accepted]":
        """Change options of the agent.

        Raises:
            UnknownModel: no provider serves the new model; nothing was recorded.
        """
        if isinstance(changes.model, str):
            self._core.providers.resolve(changes.model)
        warn_of_unknown_tools(changes, self._core.tools.of(agent_id), agent_id)
        return self._ask(agent_id, lambda now: c.Configure(changes=changes, now=now))

    def compact(self, agent_id: AgentId) -> "Future[Accepted]":
        """Have the older part of the conversation summarised for the model."""
        return self._ask(agent_id, lambda now: c.CompactConversation(now=now))

    def cancel_compaction(self, agent_id: AgentId, reason: str) -> "Future[Accepted]":
        """End the summary that is being written.

        Raises:
            TypeError, ValueError: the reason is not text that can be stored.
        """
        require_text(reason, "a reason")
        return self._ask(agent_id, lambda now: c.CancelCompaction(now=now, reason=reason))

    def uncompact(self, agent_id: AgentId) -> "Future[Accepted]":
        """Tell models the words of the newest compaction of the path again. Blocks.

        Raises:
            CommandRejected: the path has none.
        """
        placed = self.conversation(agent_id).placed_compaction
        if placed is None:
            raise CommandRejected("no compaction speaks of this conversation")
        undone = placed.effect_id
        return self._ask(agent_id, lambda now: c.UndoCompaction(compaction=undone, now=now))

    def seen(self, agent_id: AgentId, call: str | int, run_id: str | None) -> Sequence[Message]:
        """What a model was sent for a call, or for a round of a run. Blocks.

        Raises:
            TypeError: a call has a name, a round a number.
            CommandRejected: there is no such call, or its request is not on the log.
        """
        require_call(call)
        events = list(self._core.journal.events(agent_stream(agent_id)))
        if isinstance(call, int):
            call = call_of_round(events, call, RunId(run_id) if run_id else None)
        return list(seen_messages(events, EffectId(call), self._core.memories.has_facts))

    def compensate(self, agent_id: AgentId) -> "Future[Accepted]":
        """Undo the calls of the run that was broken off last."""
        return self._ask(agent_id, lambda now: c.CompensateRun(now=now))

    def resolve_permission(self, agent_id: AgentId, decision: Decision) -> "Future[Accepted]":
        """Decide about a call that waits for a person."""
        return self._ask(agent_id, decision.command)

    def hand_over_mail(self, agent_id: AgentId) -> "Future[Sequence[Mail]]":
        """Letters that wait for the agent, which are then the host's."""
        known = new_id()

        def letters(accepted: Accepted) -> Sequence[Mail]:
            if not accepted.has_recorded:
                return []
            through = accepted.stream_version
            return self._core.members.handed_over(agent_id, known, through=through)

        handed = self._ask(agent_id, lambda now: c.HandOverMail(command_id=known, now=now))
        return mapped(handed, letters, on=self._core.readers)

    # --- queues ---------------------------------------------------------------------------

    def queue(
        self,
        agent_id: AgentId,
        queue: QueueName,
        text: str,
        item_id: str | None,
        attachments: Sequence[Attachment] = (),
    ) -> "Future[Accepted]":
        """Let words wait for a boundary.

        Raises:
            TypeError, ValueError: they are not text that can be stored.
        """
        require_text(text, "what is queued")
        require_text(item_id or "", "an item_id")
        known = CommandId(item_id) if item_id else new_id()
        shown = kept_attachments(checked_attachments(attachments), self._core.store.put_blob)
        return self._ask(
            agent_id,
            lambda now: c.QueueInput(
                queue=queue, item_id=known, text=text, now=now, attachments=shown
            ),
        )

    def clear(self, agent_id: AgentId, queue: QueueName) -> "Future[Accepted]":
        """Forget what waits in a queue.

        Raises:
            ValueError: there is no such queue.
        """
        _require_queue(queue)
        return self._ask(agent_id, lambda now: c.ClearQueue(queue=queue, now=now))

    def set_mode(self, agent_id: AgentId, queue: QueueName, mode: QueueMode) -> "Future[Accepted]":
        """Take a queue item by item, or all of it at once.

        Raises:
            ValueError: there is no such queue, or no such mode.
        """
        _require_queue(queue)
        if mode not in ("one_at_a_time", "all"):
            raise ValueError(f"a queue is taken one_at_a_time or all, not {mode!r}")
        return self._ask(agent_id, lambda now: c.SetQueueMode(queue=queue, mode=mode, now=now))

    # --- the conversation -----------------------------------------------------------------

    def conversation(self, agent_id: AgentId) -> Transcript:
        """All that was ever said, as a tree. Reads the stream, so it blocks.

        Raises:
            StoreError: the stream cannot be read.
        """
        transcript = Transcript()
        for event in self._core.journal.events(agent_stream(agent_id)):
            transcript = apply(transcript, event)
        return closed(transcript)

    def moved_from(self, agent_id: AgentId) -> EntryId | None:
        """Where the conversation stood before its last move by a wish. Blocks."""
        moved = None
        for event in self._core.journal.events(agent_stream(agent_id)):
            if isinstance(event, LeafMoved) and event.reason == "branch":
                moved = event.from_entry
        return moved

    def transcript(self, agent_id: AgentId, version: int | None) -> Sequence[TranscriptItem]:
        """What was said and done, up to a version of the stream (None: all of it). Blocks."""
        if version is not None:
            require_whole(version, "a version")
        stream_id = agent_stream(agent_id)
        return transcript_items(self._core.journal, stream_id, through_version=version)

    def last_answer(self, agent_id: AgentId) -> str:
        """The last words of an agent, on whichever branch. Blocks."""
        said = ""
        for one in self._core.journal.read_stream(agent_stream(agent_id)):
            if isinstance(one.event, ModelReplied):
                said = text_of(one.event.blocks) or said
        return said

    def usage(self, agent_id: AgentId, *, with_subagents: bool) -> AgentUsage:
        """See `Agent.usage`. Blocks."""
        read = self._core.journal.read_stream
        if with_subagents:
            events = events_with_subagents(read, agent_id)
        else:
            events = read(agent_stream(agent_id))
        return agent_usage(usage_of_events(events), agent_id, with_subagents=with_subagents)

    def usage_of_run(self, agent_id: AgentId, run_id: RunId) -> RunUsage:
        """See `Agent.usage_of_run`. Blocks."""
        require_text(run_id, "the id of a run")
        own = self._core.journal.read_stream(agent_stream(agent_id))
        return run_usage(usage_of_events(own), agent_id, run_id)

    def history(self, agent_id: AgentId) -> Sequence[Message]:
        """What a model would be sent now. Blocks."""
        return list(self.conversation(agent_id).messages)

    def children(self, agent_id: AgentId, entry_id: int) -> Sequence[Entry]:
        """Entries that follow one, on any branch. Blocks."""
        return children_of(self.conversation(agent_id), EntryId(entry_id))

    def move(self, agent_id: AgentId, entry_id: int) -> "tuple[Future[Accepted], int]":
        """Go on from another entry; how many entries leave the path. Blocks to read the stream.

        Raises:
            TypeError: an entry is a whole number.
            CommandRejected: there is no such entry.
        """
        require_entry(entry_id)
        conversation = self.conversation(agent_id)
        path = path_to(conversation, EntryId(entry_id))
        if entry_id and not path:
            count = len(conversation.entries)
            raise CommandRejected(f"there is no entry {entry_id}; the conversation has {count}")
        to_entry = path[-1] if path else EntryId(0)
        left = len(set(conversation.path) - set(path))
        moved = self._ask(agent_id, lambda now: c.MoveLeaf(to_entry=to_entry, now=now))
        return moved, left

    def label(self, agent_id: AgentId, entry_id: int, label: str) -> "Future[Accepted]":
        """Give an entry a name.

        Raises:
            TypeError, ValueError: the name is not text that can be stored, or the entry is no
                whole number.
        """
        require_entry(entry_id)
        require_text(label, "a label")
        return self._ask(
            agent_id,
            lambda now: c.LabelEntry(entry=EntryId(entry_id), label=label, now=now),
        )

    def _ask(self, agent_id: AgentId, command: Callable[[float], object]) -> "Future[Accepted]":
        return self._core.ask(agent_stream(agent_id), command(self._core.clock.now()))


def _require_queue(queue: str) -> None:
    if queue not in get_args(QueueName):
        raise ValueError(f"the queues are steer and follow_up, there is no {queue!r}")
