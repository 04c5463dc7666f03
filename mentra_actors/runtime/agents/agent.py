"""One agent, as a program that has an event loop sees it."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar, Unpack

import anyio

from mentra_actors.domain.agent.events.inputs import QueueMode, QueueName
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.content import Attachment
from mentra_actors.domain.inbox import Mail
from mentra_actors.ids import AgentId, RunId, agent_stream
from mentra_actors.providers.catalogue import TokenCount
from mentra_actors.runtime.agents.agent_context import AgentContext
from mentra_actors.runtime.agents.agent_feed import agent_source, session_source
from mentra_actors.runtime.agents.agent_forks import AgentForks
from mentra_actors.runtime.agents.agent_memory import AgentMemory
from mentra_actors.runtime.agents.agent_subagents import AgentSubagents
from mentra_actors.runtime.agents.agent_team import AgentTeam
from mentra_actors.runtime.agents.agent_versions import AgentVersions
from mentra_actors.runtime.agents.conversation import Conversation
from mentra_actors.runtime.agents.decisions import Remembering, decision
from mentra_actors.runtime.agents.live_reply import LiveReply
from mentra_actors.runtime.agents.profiles import ProfileOptions, profile_changes
from mentra_actors.runtime.agents.run_options import STOP_GRACE_S, RunArguments
from mentra_actors.runtime.agents.run_watch import Reply
from mentra_actors.runtime.agents.typed_output import OutputArguments
from mentra_actors.runtime.awaiting import asked, watched
from mentra_actors.runtime.operations import Operations
from mentra_actors.runtime.teams.board_operations import BoardOperations
from mentra_actors.runtime.teams.schedules import AgentSchedules
from mentra_actors.runtime.teams.task_board import TaskBoard
from mentra_actors.runtime.views.changes import first_wanted
from mentra_actors.runtime.views.feeds import Feed, FeedStart
from mentra_actors.runtime.views.snapshots import AgentSnapshot
from projections.feeds.agent_event import AgentEvent
from projections.feeds.session_event import SessionEvent
from projections.views.transcript_item import TranscriptItem
from projections.views.usage import AgentUsage, RunUsage

__all__ = ["Agent"]

T = TypeVar("T")


class Agent(AgentForks):
    """One agent of a running team."""

    def __init__(self, name: str, agent_id: AgentId, operations: Operations) -> None:
        """Made by `Runtime.spawn` and `Runtime.agent`."""
        self.name, self.agent_id = name, agent_id
        self.conversation = Conversation(agent_id, operations.agents)
        """What was said, as a tree: entries, branches, labels."""
        self.memory = AgentMemory(operations.core, agent_id)
        """What it remembers beyond its conversation."""
        self.board = TaskBoard(BoardOperations(operations.core, agent_id))
        """The task board of its team, with its own rights."""
        self.team = AgentTeam(agent_id, operations.members)
        """Its letters, its requests, and teammates that it leads."""
        self.schedules = AgentSchedules(agent_id, operations.core)
        """When it is woken."""
        self.subagents = AgentSubagents(agent_id, operations.core)
        """Agents that work for it and end with it."""
        self.context = AgentContext(operations.core, agent_id)
        """What its next request consists of: `await agent.context()`."""
        self.at = AgentVersions(operations.history, agent_id)
        """How it was: `await agent.at(version)`."""
        self._operations = operations
        self._runs, self._agents = operations.runs, operations.agents

    def __repr__(self) -> str:
        return f"Agent({self.name!r})"

    # --- runs -----------------------------------------------------------------------------

    async def send(
        self,
        text: str,
        *,
        attachments: Sequence[Attachment] = (),
        prompt_id: str | None = None,
        **run: Unpack[RunArguments],
    ) -> Reply:
        """Send a prompt and return how its run ended.

        A prompt sent while a run is open waits for its end. The answer survives restarts: the
        same `prompt_id` sent again, also to a later process, records nothing and returns the
        answer of the first (among the last 256 prompts of the agent). If the caller is
        cancelled the run goes on; `cancel` ends it. `run` are limits and ways of this run alone
        (`deadline_s=60`, `token_budget=50_000`, `strategy=...`, see `RunArguments`); without any,
        those of the agent's profile count. `attachments` are images and documents, made by
        `mentra_actors.image` and `mentra_actors.document`; with one the text may be empty.

        Raises:
            CommandRejected: the prompt is empty or too long, or the agent is stopped.
            RunFailed: the run was broken off; what it recorded is kept, `resume` goes on with it.
            TypeError, ValueError: an option of the run is not known, or no run can have it.
            ActorError, StoreError: the prompt was not recorded.
        """
        return await asked(
            lambda: self._runs.send(self.agent_id, text, prompt_id, run, attachments=attachments)
        )

    async def run_to(
        self,
        kind: type[T],
        text: str,
        *,
        attachments: Sequence[Attachment] = (),
        prompt_id: str | None = None,
        output: OutputArguments | None = None,
        **run: Unpack[RunArguments],
    ) -> T:
        """Send a prompt and return the typed value with which its run ends.

        `kind` is any type that msgspec can describe: a struct, a dataclass, `list[str]`, `int`.
        The model hands the value over by a tool that is made for this run, and is offered no
        other; with `output={"keeps_tools": True}` it may work with its tools first, with
        `output={"mode": "native"}` the provider makes it write an answer of this shape. A value
        that does not fit is sent back to the model with what is wrong, twice, or as often as
        `output={"retries": 5}` says. A model that answers in words is not asked again.

            invoice = await agent.run_to(Invoice, "What does this letter ask for? ...")

        Raises:
            NoOutput: the run ended without such a value; `text` has what it said instead.
            ConfigurationError: the type cannot be described as JSON.
            CommandRejected, RunFailed, TypeError, ValueError, ActorError, StoreError: see `send`.
        """
        return await asked(
            lambda: self._runs.run_to(
                self.agent_id, kind, text, prompt_id, run, output or {}, attachments=attachments
            )
        )

    @asynccontextmanager
    async def stream(
        self,
        text: str,
        *,
        attachments: Sequence[Attachment] = (),
        prompt_id: str | None = None,
        **run: Unpack[RunArguments],
    ) -> AsyncIterator[LiveReply]:
        """Send a prompt and watch the answer as it comes.

            async with agent.stream("Why?") as reply:
                async for notice in reply:   # ModelDelta and ToolProgress
                    ...
                print((await reply.result()).text)

        Notices that nobody fetches are kept up to a bound, then the oldest are dropped: the
        answer itself is whole in any case. `events` has the whole story, in order.
        """
        live = LiveReply()
        topic = agent_stream(self.agent_id)
        end = self._operations.core.live.subscribe(live.take, topic=topic)
        try:
            live.attach(
                self._runs.send(self.agent_id, text, prompt_id, run, attachments=attachments)
            )
            yield live
        finally:
            end()

    async def resume(self, **run: Unpack[RunArguments]) -> Reply:
        """Go on with the run that was broken off last, from its last boundary.

        Finished calls are not made again and nothing is said twice. It goes on with its own
        options unless new ones are given; a run that was rolled back begins again with its
        prompt.

        Raises:
            CommandRejected: no run was broken off, a run is open, or the agent is stopped.
            RunFailed, TypeError, ValueError, ActorError, StoreError: see `send`.
        """
        return await asked(self._runs.resume, self.agent_id, run)

    async def run_queued(self, **run: Unpack[RunArguments]) -> Reply:
        """Start a run with what waits in the steering queue.

        Raises:
            CommandRejected: nothing waits there, a run is open, or the agent is stopped.
            RunFailed, TypeError, ValueError, ActorError, StoreError: see `send`.
        """
        return await asked(self._runs.run_queued, self.agent_id, run)

    async def wait_for_run(self) -> Reply:
        """The end of the open run, or of the next one if none is open.

        Raises:
            RunFailed: it was broken off.
        """
        return await watched(self._runs.next_end, self.agent_id)

    async def cancel(self, reason: str = "cancelled") -> None:
        """End the open run now, in whatever it waits for; without one nothing happens."""
        await asked(self._runs.cancel, self.agent_id, reason)

    async def stop_run(
        self, reason: str = "stopped", *, grace_s: float | None = STOP_GRACE_S
    ) -> None:
        """End the open run in order: what runs now is finished and recorded, waits end at once.

        What takes longer than `grace_s` seconds (None: however long) is broken off.

        Raises:
            TypeError, ValueError: `grace_s` is no number of seconds from 0.
        """
        await asked(self._runs.stop_run, self.agent_id, reason, grace_s)

    # --- words for later ------------------------------------------------------------------

    async def steer(
        self, text: str, *, attachments: Sequence[Attachment] = (), item_id: str | None = None
    ) -> None:
        """Say this before the next model call of the open run, or in the next run.

        Recorded when the call returns; the same `item_id` again records nothing. It starts no
        run: see `run_queued`.

        Raises:
            CommandRejected: it is empty or too long, or the agent is stopped.
        """
        await asked(self._agents.queue, self.agent_id, "steer", text, item_id, attachments)

    async def follow_up(
        self, text: str, *, attachments: Sequence[Attachment] = (), item_id: str | None = None
    ) -> None:
        """Say this when the open run would end with an answer; otherwise like `steer`."""
        await asked(self._agents.queue, self.agent_id, "follow_up", text, item_id, attachments)

    async def clear_queue(self, queue: QueueName) -> None:
        """Forget what waits in a queue."""
        await asked(self._agents.clear, self.agent_id, queue)

    async def set_queue_mode(self, queue: QueueName, mode: QueueMode) -> None:
        """Take a queue `one_at_a_time` (as it begins) or `all` together at a boundary."""
        await asked(self._agents.set_mode, self.agent_id, queue, mode)

    async def mail(self, body: str, *, mail_id: str | None = None) -> None:
        """Put a letter from the host into the inbox; it wakes the agent unless told not to.

        The same `mail_id` again, also by a later process, records nothing (among the last 1,024
        letters of the inbox).
        """
        await asked(self._operations.letters.send, self.agent_id, body, mail_id)

    async def read_mail(self) -> Sequence[Mail]:
        """Take the letters that wait for the agent, in its place; no model is shown them."""
        return await asked(self._agents.hand_over_mail, self.agent_id)

    async def wait_for_mail(self) -> Sequence[Mail]:
        """Wait until letters are there, and take them as `read_mail` does.

        Meant for an agent with `wake_on_mail=False`: one that wakes reads them itself.
        """
        while True:
            await self.wait_for_snapshot(lambda snapshot: snapshot.waiting_mail > 0)
            letters = await self.read_mail()
            if letters:
                return letters

    # --- permissions ----------------------------------------------------------------------

    async def allow(self, request_id: str, **more: Unpack[Remembering]) -> None:
        """Let a call run that waits for a person; see `AgentSnapshot.permissions`.

        With `remember` (`session`: for this agent, `project`: for its team, `global`) calls like
        it are not asked about any more; which ones says `match`, without it: exactly this call.

        Raises:
            CommandRejected: no call waits with this id, or `match` does not speak of it.
            TypeError, ValueError: an argument is not known, or is no scope or match.
        """
        made = decision(request_id, allow=True, reason="", more=more)
        await asked(self._agents.resolve_permission, self.agent_id, made)

    async def deny(self, request_id: str, reason: str = "", **more: Unpack[Remembering]) -> None:
        """Refuse a call that waits for a person; the reason is told to the model.

        `remember` and `match` are as in `allow`; then the reason is told with each refusal.

        Raises:
            CommandRejected, TypeError, ValueError: see `allow`.
        """
        made = decision(request_id, allow=False, reason=reason, more=more)
        await asked(self._agents.resolve_permission, self.agent_id, made)

    # --- the agent itself -----------------------------------------------------------------

    async def configure(
        self, *, model: str | None = None, **options: Unpack[ProfileOptions]
    ) -> None:
        """Change how the agent works, from its next model call on; see `AgentProfile`.

        Raises:
            CommandRejected: no agent could work like this.
            UnknownModel: no provider serves the model; nothing was recorded.
            TypeError: an option is not known, or has the wrong type.
        """
        changes = profile_changes(model, options)
        await asked(self._agents.configure, self.agent_id, changes)

    async def compensate(self) -> None:
        """Undo the finished calls of the run that was broken off last, the newest first.

        Only calls of tools with `compensate`. Returns when it has begun; `until_idle` waits.

        Raises:
            CommandRejected: no run was broken off, or one is open.
        """
        await asked(self._agents.compensate, self.agent_id)

    async def give_up_undoing(self, reason: str = "given up") -> None:
        """Undo nothing more: for an undoing that hangs, since meanwhile no run begins.

        What was being undone may or may not be. Without undoing nothing happens.
        """
        await asked(self._agents.give_up_undoing, self.agent_id, reason)

    async def stop(self) -> None:
        """End the open run and take no prompt and no mail any more."""
        await asked(self._agents.stop, self.agent_id)

    # --- looking --------------------------------------------------------------------------

    async def state(self) -> AgentState:
        """The agent as its decider sees it."""
        return await asked(self._agents.state, self.agent_id)

    async def snapshot(self) -> AgentSnapshot:
        """What the agent does now, and what has come of its answer so far."""
        return await asked(self._agents.snapshot, self.agent_id)

    async def wait_for_snapshot(self, is_wanted: Callable[[AgentSnapshot], bool]) -> AgentSnapshot:
        """The first snapshot from now on that is wanted; one that lasts short may be missed.

        Raises:
            RuntimeClosed, Fenced, ActorQuarantined: it will not come any more.
        """
        core = self._operations.core
        return await first_wanted(core, self.agent_id, self.snapshot, is_wanted)

    def events(self, *, after: FeedStart = None) -> Feed[AgentEvent]:
        """What the agent does, as typed events; see `projections.feeds.agent_event`.

            async with agent.events(after=cursor) as feed:
                async for item in feed:
                    print(item.cursor, item.event)

        Events of the log come once each, in order, with a cursor; whoever gives the last one that
        it has seen (also to a later process) goes on after it. `after=0` begins with the first
        event, None with what comes now. Pieces of answers come between them without a cursor: they
        are dropped when nobody fetches them, and the event that follows has the whole.

        Raises:
            ValueError: the log has no such place.
            RuntimeClosed: the runtime is closed.
        """
        return Feed(agent_source(self._operations.core, self.agent_id, after))

    def session_events(self, *, after: FeedStart = None) -> Feed[SessionEvent]:
        """The same story in the words of a chat; see `projections.feeds.session_event`."""
        return Feed(session_source(self._operations.core, self.agent_id, after))

    async def transcript(self, *, at_version: int | None = None) -> Sequence[TranscriptItem]:
        """What was said and done, up to a version of the agent's stream (None: all of it)."""
        read = self._agents.transcript
        return await anyio.to_thread.run_sync(read, self.agent_id, at_version)

    async def last_answer(self) -> str:
        """The last words of the agent, in whichever run; empty if it has said none yet."""
        return await anyio.to_thread.run_sync(self._agents.last_answer, self.agent_id)

    async def usage(self, *, with_subagents: bool = True) -> AgentUsage:
        """Tokens and money of all model calls so far, by model as well; failed ones count.

        Those of subagents are part of it unless told otherwise; those of teammates never are.
        """
        read = partial(self._agents.usage, self.agent_id, with_subagents=with_subagents)
        return await anyio.to_thread.run_sync(read)

    async def count_tokens(self) -> TokenCount:
        """How many tokens the next request of the agent would have, were it made now.

        That is its conversation with its system prompt and its tools; what waits in queues or in
        the inbox is not in it yet. The provider is asked if it counts, else it is an estimate.

        Raises:
            ProviderError, MissingCredential, UnknownModel: the provider could not be asked.
        """
        return await asked(self._operations.models.count, self.agent_id)

    async def usage_of_run(self, run_id: RunId) -> RunUsage:
        """What one run has used itself, call by call; see `usage_by_round`."""
        return await anyio.to_thread.run_sync(self._agents.usage_of_run, self.agent_id, run_id)
