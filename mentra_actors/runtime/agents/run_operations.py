"""Runs: how they are begun, waited for and ended. Safe from any thread; nothing blocks long."""

import contextlib
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, InvalidStateError
from functools import partial
from typing import Protocol, TypeVar

from mentra_actors.actors.messages import Accepted
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.run_options import TerminalOutput
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.content import Attachment
from mentra_actors.domain.inbox import HOST
from mentra_actors.effects.calls.call_plans import OutputCheck
from mentra_actors.effects.models.attached_blobs import Blobs, kept_attachments
from mentra_actors.effects.models.live import LiveFeed
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.round_decisions import RoundStrategy
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import ActorQuarantined, MentraError, RunFailed
from mentra_actors.ids import AgentId, CommandId, StreamId, agent_stream
from mentra_actors.runtime.agents.attachments import checked_attachments
from mentra_actors.runtime.agents.run_options import RunArguments, given_options, run_options
from mentra_actors.runtime.agents.run_watch import Reply, RunWatch
from mentra_actors.runtime.agents.typed_output import (
    OutputArguments,
    output_check,
    output_of,
    terminal_output,
)
from mentra_actors.runtime.futures import mapped, performed
from mentra_actors.runtime.plain_arguments import require_known, require_seconds, require_text
from mentra_actors.store.journal import Journal

__all__ = ["HOST", "RunOperations", "new_id"]

T = TypeVar("T")


def new_id() -> CommandId:
    """A fresh id for a command or a letter."""
    return CommandId(uuid.uuid4().hex)


class RunSource(Protocol):
    """What runs are begun with and heard of: a running system."""

    clock: Clock
    journal: Journal
    recorded: LiveFeed[tuple[RecordedEvent[object], ...]]
    trouble: LiveFeed[MentraError]
    readers: Executor
    strategies: dict[str, RoundStrategy]
    output_checks: dict[str, OutputCheck]

    @property
    def store(self) -> Blobs:
        """Where attachments are kept."""
        ...

    @property
    def ended(self) -> MentraError | None:
        """Why nothing more will come of anything."""
        ...

    def ask(self, stream_id: StreamId, command: object) -> "Future[Accepted]":
        """Send a command."""
        ...

    def look(self, stream_id: StreamId) -> "Future[Accepted]":
        """The state of a stream."""
        ...


class RunOperations:
    """What can be done with the runs of agents, as futures."""

    def __init__(self, core: RunSource) -> None:
        self._core = core
        self.awaited_subagents: list[AgentId] = []
        """Subagents of the program whose answer somebody waits for, once for each."""

    def send(
        self,
        agent_id: AgentId,
        text: str,
        prompt_id: str | None,
        arguments: RunArguments,
        *,
        output: TerminalOutput | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> "Future[Reply]":
        """Send a prompt; the future holds the answer of its run.

        Raises:
            TypeError, ValueError: the prompt or its id is not text that can be stored, or an
                argument is one that no run can have.
        """
        options = run_options(arguments, self._core.strategies)
        require_text(text, "a prompt")
        require_text(prompt_id or "", "a prompt_id")
        known = CommandId(prompt_id) if prompt_id else new_id()
        shown = checked_attachments(attachments)
        command = c.AcceptPrompt(
            prompt_id=known,
            text=text,
            now=self._core.clock.now(),
            options=options,
            given=given_options(arguments),
            output=output,
            attachments=kept_attachments(shown, self._core.store.put_blob),
        )
        return self._begun(agent_id, command, RunWatch(known))

    def run_to(  # noqa: PLR0913 - as the public one
        self,
        agent_id: AgentId,
        kind: type[T],
        text: str,
        prompt_id: str | None,
        arguments: RunArguments,
        output: OutputArguments,
        *,
        attachments: Sequence[Attachment] = (),
    ) -> "Future[T]":
        """Send a prompt; the future holds the typed value with which its run ends.

        Raises:
            ConfigurationError: the type cannot be described as JSON.
            TypeError, ValueError: as for `send`.
        """
        if not isinstance(output, Mapping):
            raise TypeError(f"output is a dict like {{'mode': 'native'}}, not {output!r}")
        require_known(output, OutputArguments.__annotations__, "an output has no")
        asked = terminal_output(kind, **output)
        self._core.output_checks[asked.tool_name] = output_check(kind)
        reply = self.send(
            agent_id, text, prompt_id, arguments, output=asked, attachments=attachments
        )
        read = self._core.readers  # a type's own code may take a while
        return mapped(reply, lambda answered: output_of(answered, kind), on=read)

    def run_queued(self, agent_id: AgentId, arguments: RunArguments) -> "Future[Reply]":
        """Start a run with what waits in the steering queue.

        Raises:
            TypeError, ValueError: an argument is one that no run can have.
        """
        options = run_options(arguments, self._core.strategies)
        known = new_id()
        command = c.RunQueued(
            command_id=known,
            now=self._core.clock.now(),
            options=options,
            given=given_options(arguments),
        )
        return self._begun(agent_id, command, RunWatch(known))

    def resume(self, agent_id: AgentId, arguments: RunArguments) -> "Future[Reply]":
        """Go on with the run that was broken off last.

        Raises:
            TypeError, ValueError: an argument is one that no run can have.
        """
        options = run_options(arguments, self._core.strategies)
        known = new_id()
        command = c.ResumeRun(
            command_id=known,
            now=self._core.clock.now(),
            options=options,
            given=given_options(arguments),
        )
        return self._begun(agent_id, command, RunWatch(known), with_history=True)

    def next_end(self, agent_id: AgentId) -> "Future[Reply]":
        """The end of the open run, or of the next one if none is open."""
        stream_id = agent_stream(agent_id)
        watch = RunWatch(None)
        waiting = self._waiting(stream_id, watch)
        if self._core.ended is not None:
            waiting.fail(self._core.ended)
            return waiting.reply

        def on_state(answer: "Future[Accepted]") -> None:
            try:
                state: AgentState = answer.result().state
                if state.run is not None:
                    watch.follow(state.run.run_id)
                waiting.begin([])
            except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
                waiting.fail(error)

        self._core.look(stream_id).add_done_callback(on_state)
        return waiting.reply

    def cancel(self, agent_id: AgentId, reason: str) -> "Future[Accepted]":
        """End the agent's open run now.

        Raises:
            TypeError, ValueError: the reason is not text that can be stored.
        """
        require_text(reason, "a reason")
        command = c.CancelRun(now=self._core.clock.now(), reason=reason)
        return self._core.ask(agent_stream(agent_id), command)

    def stop_run(
        self, agent_id: AgentId, reason: str, grace_s: float | None
    ) -> "Future[Accepted]":
        """End the agent's open run in order.

        Raises:
            TypeError, ValueError: the reason is not text that can be stored, or `grace_s` is no
                time to wait.
        """
        require_text(reason, "a reason")
        require_seconds(grace_s, "grace_s")
        command = c.StopRun(now=self._core.clock.now(), reason=reason, grace_s=grace_s)
        return self._core.ask(agent_stream(agent_id), command)

    def _begun(
        self, agent_id: AgentId, command: object, watch: RunWatch, *, with_history: bool = False
    ) -> "Future[Reply]":
        stream_id = agent_stream(agent_id)
        waiting = self._waiting(stream_id, watch)

        def on_answer(answer: "Future[Accepted]") -> None:
            try:
                accepted = answer.result()
            except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
                waiting.fail(error)
                return
            if not with_history and accepted.has_recorded:
                waiting.begin([])
                return
            read = partial(self._begin_with_history, waiting, stream_id, accepted)
            performed(self._core.readers, read, waiting.fail)

        if self._core.ended is not None:  # asked after subscribing: one of the two is heard
            waiting.fail(self._core.ended)
            return waiting.reply
        self._core.ask(stream_id, command).add_done_callback(on_answer)
        return waiting.reply

    def _waiting(self, stream_id: StreamId, watch: RunWatch) -> "_WaitingRun":
        waiting = _WaitingRun(watch)
        waiting.until(
            self._core.recorded.subscribe(
                lambda recorded: waiting.take([r for r in recorded if r.stream_id == stream_id]),
                topic=stream_id,
            ),
            self._core.trouble.subscribe(lambda error: waiting.end_if_hopeless(error, stream_id)),
        )
        return waiting

    def _begin_with_history(
        self, waiting: "_WaitingRun", stream_id: StreamId, accepted: Accepted
    ) -> None:
        """What happened before: the run of a prompt that is not new may have ended long ago."""
        try:
            read = self._core.journal.read_stream(stream_id, through=accepted.stream_version)
            waiting.begin(read)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
            waiting.fail(error)


class _WaitingRun:
    """A run that somebody waits for. Safe from any thread.

    Events that come before its command is answered are held back: what happened before them may
    have to be read first.
    """

    def __init__(self, watch: RunWatch) -> None:
        self._watch = watch
        self._lock = threading.Lock()
        self._early: list[RecordedEvent[object]] | None = []
        self.reply: Future[Reply] = Future()

    def until(self, *end_subscriptions: Callable[[], None]) -> None:
        """End these when the reply is there."""
        for end in end_subscriptions:
            self.reply.add_done_callback(lambda _reply, end=end: end())  # type: ignore[misc]

    def take(self, recorded: Sequence[RecordedEvent[object]]) -> None:
        """Feed events; the end of the run completes the reply."""
        with self._lock:
            if self._early is not None:
                self._early.extend(recorded)
            else:
                self._watch_all(recorded)

    def begin(self, history: Sequence[RecordedEvent[object]]) -> None:
        """The command is accepted: watch its history, then what came meanwhile."""
        with self._lock:
            early, self._early = self._early or [], None
            self._watch_all([*history, *early])

    def _watch_all(self, recorded: Sequence[RecordedEvent[object]]) -> None:
        """The last end counts: a run that was broken off may have been resumed since."""
        last: Reply | RunFailed | None = None
        for one in recorded:
            if self._watch.is_begun_by(one.event):
                last = None
            last = self._watch.take(one) or last
        if last is not None and not self.reply.done():
            self._finish(last)

    def _finish(self, end: Reply | RunFailed) -> None:
        with contextlib.suppress(InvalidStateError):  # nobody waits for it any more
            if isinstance(end, Reply):
                self.reply.set_result(end)
            else:
                self.reply.set_exception(end)

    def end_if_hopeless(self, error: MentraError, stream_id: StreamId) -> None:
        """Nobody will answer: the agent is quarantined, or the whole runtime has ended."""
        if not isinstance(error, ActorQuarantined) or error.stream_id == stream_id:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """The command was not accepted."""
        with self._lock, contextlib.suppress(InvalidStateError):
            self.reply.set_exception(error)
