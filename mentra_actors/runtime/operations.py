"""What can be done with a running team, as futures: the one body of both public faces.

A future here is completed on a dispatcher, writer or loop thread. The asynchronous face awaits
it, the blocking face waits for it; neither has logic of its own.
"""

import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from mentra_actors.actors.append_request import Draft, recorded_events
from mentra_actors.actors.messages import Accepted
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.inbox import INBOX, DeliverMail, Mail
from mentra_actors.domain.task_board import BoardState
from mentra_actors.domain.team import AddMember, TeamState
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import ActorQuarantined, CommandRejected, MentraError, RunFailed
from mentra_actors.ids import (
    AgentId,
    CommandId,
    MailId,
    StreamId,
    agent_stream,
    board_stream,
    inbox_stream,
    team_stream,
)
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.idle_watch import IdleWatch
from mentra_actors.runtime.run_watch import Reply, RunWatch
from mentra_actors.store.ports import Appended, AppendRequest

__all__ = ["Operations", "member_id", "new_id"]

HOST = "host"


def new_id() -> CommandId:
    """A fresh id for a command or a letter."""
    return CommandId(uuid.uuid4().hex)


def member_id(team: TeamState, name: str) -> AgentId:
    """Id of the member with this name.

    Raises:
        CommandRejected: the team has none; the message lists its members.
    """
    member = team.members.get(name)
    if member is None:
        known = ", ".join(sorted(team.members)) or "nobody"
        raise CommandRejected(f"no agent is named {name!r}; the team has {known}")
    return member.agent_id


class Operations:
    """Commands and questions to one runtime. Safe from any thread; nothing here blocks long."""

    def __init__(self, core: RuntimeCore) -> None:
        self.core = core
        self._team = core.settings.team

    # --- agents ---------------------------------------------------------------------------

    def spawn(self, profile: e.AgentProfile, *, prompt: str, reuse: bool) -> "Future[AgentId]":
        """Add a member to the team; see `Runtime.spawn`."""
        _require_text(prompt, "a prompt")
        self.core.providers.resolve(profile.model)
        now = self.core.clock.now()
        mail = self._letter(profile.agent_id, prompt, now) if prompt.strip() else None
        if mail is not None:
            INBOX.decide(DeliverMail(mail=mail), INBOX.initial)  # refuses what is too long
        command = AddMember(command_id=new_id(), profile=profile, first_mail=mail, now=now)
        done: Future[AgentId] = Future()

        def on_answer(answer: "Future[Accepted]") -> None:
            error = answer.exception()
            if error is None:
                done.set_result(profile.agent_id)
            elif reuse and isinstance(error, CommandRejected):
                self.team().add_done_callback(lambda team: on_team(team, error))
            else:
                done.set_exception(error)

        def on_team(answer: "Future[TeamState]", refusal: CommandRejected) -> None:
            error = answer.exception()
            if error is None and profile.name in answer.result().members:
                done.set_result(answer.result().members[profile.name].agent_id)
            else:
                done.set_exception(error or refusal)

        self.core.ask(team_stream(self._team), command).add_done_callback(on_answer)
        return done

    def agent_state(self, agent_id: AgentId) -> "Future[AgentState]":
        """State of an agent."""
        return _state_of(self.core.look(agent_stream(agent_id)))

    def team(self) -> "Future[TeamState]":
        """The members of the team."""
        return _state_of(self.core.look(team_stream(self._team)))

    def board(self) -> "Future[BoardState]":
        """The tasks of the team."""
        return _state_of(self.core.look(board_stream(self._team)))

    # --- work -----------------------------------------------------------------------------

    def send(self, agent_id: AgentId, text: str, prompt_id: str | None) -> "Future[Reply]":
        """Send a prompt; the future holds the answer of its run.

        Raises:
            TypeError, ValueError: the prompt or its id is not text that can be stored.
        """
        _require_text(text, "a prompt")
        _require_text(prompt_id or "", "a prompt_id")
        stream_id = agent_stream(agent_id)
        known = CommandId(prompt_id) if prompt_id else new_id()
        waiting = _WaitingRun(RunWatch(known))
        waiting.until(
            self.core.recorded.subscribe(
                lambda recorded: waiting.take([r for r in recorded if r.stream_id == stream_id]),
                topic=stream_id,
            ),
            self.core.trouble.subscribe(lambda error: waiting.end_if_hopeless(error, stream_id)),
        )
        command = c.AcceptPrompt(prompt_id=known, text=text, now=self.core.clock.now())

        def on_answer(answer: "Future[Accepted]") -> None:
            try:
                waiting.begin(self._history_of(stream_id, answer.result()))
            except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
                waiting.fail(error)

        if self.core.ended is not None:  # asked after subscribing: one of the two is heard
            waiting.fail(self.core.ended)
            return waiting.reply
        self.core.ask(stream_id, command).add_done_callback(on_answer)
        return waiting.reply

    def _history_of(self, stream_id: StreamId, accepted: Accepted) -> list[RecordedEvent[Any]]:
        """What happened before, if the prompt is not new: its run may have ended long ago."""
        if accepted.has_recorded:
            return []
        return self.core.journal.read_stream(stream_id, through=accepted.stream_version)

    def cancel(self, agent_id: AgentId, reason: str) -> "Future[Accepted]":
        """End the agent's open run.

        Raises:
            TypeError, ValueError: the reason is not text that can be stored.
        """
        _require_text(reason, "a reason")
        command = c.CancelRun(now=self.core.clock.now(), reason=reason)
        return self.core.ask(agent_stream(agent_id), command)

    def stop(self, agent_id: AgentId) -> "Future[Accepted]":
        """Let the agent take nothing any more."""
        return self.core.ask(agent_stream(agent_id), c.StopAgent(now=self.core.clock.now()))

    def mail(self, agent_id: AgentId, body: str) -> "Future[None]":
        """Put a letter from the host into an agent's inbox.

        Raises:
            CommandRejected: the letter is empty or too long.
            TypeError, ValueError: it is not text that can be stored.
        """
        _require_text(body, "mail")
        mail = self._letter(agent_id, body, self.core.clock.now())
        events = INBOX.decide(DeliverMail(mail=mail), INBOX.initial)
        stream_id = inbox_stream(agent_id)
        done: Future[None] = Future()

        request = AppendRequest(
            streams=(self.core.journal.stream_append(stream_id, events, None),),
            fence=self.core.fence,
            recorded_at_ns=int(self.core.clock.now() * 1e9),
            causation=HOST,
            open_streams=(stream_id,),
        )

        def on_appended(result: Appended | Exception) -> None:
            if isinstance(result, Exception):
                done.set_exception(result)
                return
            draft = Draft(request, ((stream_id, tuple(events)),))
            self.core.recorded.publish(tuple(recorded_events(draft, result)))
            self.core.directory.stream_was_written(stream_id)
            done.set_result(None)

        self.core.store.submit(request, on_appended)
        return done

    def _letter(self, agent_id: AgentId, body: str, now: float) -> Mail:
        return Mail(mail_id=MailId(new_id()), sender=HOST, to=agent_id, body=body, sent_at=now)

    # --- rest -----------------------------------------------------------------------------

    def idle(self) -> "Future[None]":
        """Done when no agent has anything to do; fails if one that has is quarantined."""
        return IdleWatch(self.core).begin()


def _require_text(text: object, what: str) -> None:
    if type(text) is not str:
        raise TypeError(f"{what} is a plain string, not {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} must be Unicode text: {error}") from error


class _WaitingRun:
    """A run that somebody waits for. Safe from any thread.

    Events that come before its prompt is answered are held back: what happened before them may
    have to be read first.
    """

    def __init__(self, watch: RunWatch) -> None:
        self._watch = watch
        self._lock = threading.Lock()
        self._early: list[RecordedEvent[Any]] | None = []
        self.reply: Future[Reply] = Future()

    def until(self, *end_subscriptions: Callable[[], None]) -> None:
        """End these when the reply is there."""
        for end in end_subscriptions:
            self.reply.add_done_callback(lambda _reply, end=end: end())  # type: ignore[misc]

    def take(self, recorded: Sequence[RecordedEvent[Any]]) -> None:
        """Feed events; the first end of the run completes the reply."""
        with self._lock:
            if self._early is not None:
                self._early.extend(recorded)
            else:
                self._watch_all(recorded)

    def begin(self, history: Sequence[RecordedEvent[Any]]) -> None:
        """The prompt is accepted: watch its history, then what came meanwhile."""
        with self._lock:
            early, self._early = self._early or [], None
            self._watch_all([*history, *early])

    def _watch_all(self, recorded: Sequence[RecordedEvent[Any]]) -> None:
        for one in recorded:
            end = self._watch.take(one)
            if end is not None and not self.reply.done():
                self._finish(end)

    def _finish(self, end: Reply | RunFailed) -> None:
        if isinstance(end, Reply):
            self.reply.set_result(end)
        else:
            self.reply.set_exception(end)

    def end_if_hopeless(self, error: MentraError, stream_id: StreamId) -> None:
        """Nobody will answer: the agent is quarantined, or the whole runtime has ended."""
        if not isinstance(error, ActorQuarantined) or error.stream_id == stream_id:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """The prompt was not accepted."""
        with self._lock:
            if not self.reply.done():
                self.reply.set_exception(error)


def _state_of(answer: "Future[Accepted]") -> "Future[Any]":
    state: Future[Any] = Future()

    def on_answer(done: "Future[Accepted]") -> None:
        error = done.exception()
        if error is not None:
            state.set_exception(error)
        else:
            state.set_result(done.result().state)

    answer.add_done_callback(on_answer)
    return state
