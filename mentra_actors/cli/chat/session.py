"""A conversation with an agent of a running team, whatever it is shown on."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import anyio
import msgspec
from anyio.abc import TaskGroup

from mentra_actors.cli.chat.asking import Question, asked_lines
from mentra_actors.cli.chat.past_turns import path_of, shown_turns, turns_in
from mentra_actors.cli.chat.shown import Shown, line
from mentra_actors.cli.chat.team_news import changes_approvals, news_of
from mentra_actors.cli.chat.turn_fold import STOPPED_HERE, Turn, after_event, turn_of
from mentra_actors.cli.decision_options import person
from mentra_actors.domain.agent.events import PermissionRequested
from mentra_actors.domain.permission_rules import RuleScope
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import MentraError, RunFailed
from mentra_actors.ids import RunId
from mentra_actors.runtime.agents.agent import Agent
from mentra_actors.runtime.agents.decisions import Remembering
from mentra_actors.runtime.agents.run_options import RunArguments
from mentra_actors.runtime.agents.run_watch import Reply
from mentra_actors.runtime.awaiting import thread_safe_call
from mentra_actors.runtime.runtime import Runtime
from mentra_actors.runtime.views.feeds import FeedItem
from mentra_actors.runtime.views.snapshots import AgentSnapshot
from mentra_actors.tools.policy import RuntimePolicy
from projections.feeds import agent_event as a
from projections.views.approvals import APPROVALS, approvals_in
from projections.views.sentence_words import counted

__all__ = ["ChatSession", "Screen"]

_TURNS_SHOWN = 3
_GOES_ON = "↻ going on with the turn that was open"


class Screen(Protocol):
    """What a session is shown on."""

    asks: bool
    """True if a person can be asked there about a call."""

    @property
    def width(self) -> int:
        """How many columns a line may have."""
        ...

    async def show(self, shown: Sequence[Shown]) -> None:
        """What has happened, in order."""
        ...

    async def answer(self, shown: Sequence[Shown]) -> None:
        """What a command has found."""
        ...

    def changed(self) -> None:
        """The session is in another state; see its attributes."""
        ...

    def begin(self, session: "ChatSession") -> None:
        """The session whose screen this is."""
        ...

    async def talk(self) -> None:
        """Take what is typed, until somebody leaves."""
        ...


class ChatSession:
    """One agent, what it does now, and what waits for the person who talks with it."""

    def __init__(
        self,
        runtime: Runtime,
        agent: Agent,
        screen: Screen,
        limits: RunArguments,
        policy: RuntimePolicy | None = None,
    ) -> None:
        """`limits` are those of each turn, `policy` is that of the runtime."""
        self.policy = policy
        self.runtime = runtime
        self.agent = agent
        self.screen = screen
        self.turn = Turn()
        self.snapshot: AgentSnapshot | None = None
        self.questions: Sequence[Question] = ()
        """Calls that wait for a person, the oldest first."""
        self._decided: set[tuple[str, str]] = set()
        """What a person has decided here: a look from before that must not ask again."""
        self.failure: MentraError | OSError | None = None
        """Why nothing can go on any more."""
        self.last_turn_failed = False
        self._limits = limits
        self._turns_ended: set[RunId] = set()
        self._turn_end = anyio.Event()
        self._tasks: TaskGroup | None = None
        self._news: asyncio.Queue[tuple[RecordedEvent[object], ...]] = asyncio.Queue()

    @property
    def is_working(self) -> bool:
        """True while a run is open."""
        return self.snapshot is not None and bool(self.snapshot.run_id)

    @property
    def is_stoppable(self) -> bool:
        """True while a run is open, or a summary is being written without one."""
        return self.is_working or (
            self.snapshot is not None and self.snapshot.status == "compacting"
        )

    async def run(self, talk: Callable[[], Awaitable[None]]) -> None:
        """Show what was said last, go on with what is open, and talk until `talk` returns.

        Raises:
            MentraError: the session cannot go on; what was recorded is kept.
            OSError: the same of standard output, which takes nothing any more.
        """
        on_loop = thread_safe_call()
        end = self.runtime.on_recorded(
            lambda recorded: on_loop(lambda: self._news.put_nowait(recorded))
        )
        try:
            async with self.agent.events() as feed, anyio.create_task_group() as tasks:
                self._tasks = tasks
                await self._greet()
                tasks.start_soon(self._guarded, lambda: self._follow(feed))
                tasks.start_soon(self._guarded, self._hear)
                await self.runtime.resume_all()
                await self._guarded(talk)
                tasks.cancel_scope.cancel()
        finally:
            end()
        if self.failure is not None:
            raise self.failure

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Work whose failure ends the session; a task group would wrap it."""
        try:
            await work()
        except (MentraError, OSError) as error:
            self.failure = error
            self.leave()

    # --- what is said ---------------------------------------------------------------------

    async def say(self, text: str) -> None:
        """Steer the open turn, or begin one."""
        if (await self.look()).run_id:
            await self.attempt(self.agent.steer(text))
        else:
            self._begin(self.agent.send(text, **self._limits))

    async def say_later(self, text: str) -> None:
        """Say it when the open turn would be over; now, if none is open."""
        if (await self.look()).run_id:
            await self.attempt(self.agent.follow_up(text))
        else:
            self._begin(self.agent.send(text, **self._limits))

    async def say_and_wait(self, text: str) -> None:
        """Say it, and return when the turn that answers it is over and shown."""
        await self.attempt(self._shown(self.agent.send(text, **self._limits)))

    async def _shown(self, turn: Awaitable[Reply]) -> None:
        """Wait for a turn, and until the feed has told its end: other turns may end before."""
        try:
            run_id = (await turn).run_id
        except RunFailed as failed:
            run_id = RunId(failed.run_id)
        while run_id and run_id not in self._turns_ended:
            await self._turn_end.wait()

    def resume(self) -> None:
        """Go on with the turn that was broken off."""
        self._begin(self.agent.resume(**self._limits))

    async def interrupt(self) -> bool:
        """End the open turn, or else the summary that is being written; False if none is."""
        await self.look()
        if self.is_working:
            await self.attempt(self.agent.cancel(STOPPED_HERE))
        elif self.is_stoppable:
            await self.attempt(self.agent.conversation.cancel_compaction(STOPPED_HERE))
        else:
            return False
        return True

    async def decide(
        self, *, allow: bool, remember: RuleScope | None = None, reason: str = ""
    ) -> None:
        """Answer the oldest question."""
        if not self.questions:
            return
        question, *self.questions = self.questions
        one = question.approval
        more: Remembering = {"by": person(None)}
        if remember is not None:
            more |= {"remember": remember, "match": one.offers[question.chosen].match}
        self._decided.add(_key(one))
        if not await self.attempt(self._decide(question, more, reason, allow=allow)):
            self._decided.discard(_key(one))
        await self._ask_about(self.questions, was=question)

    async def _decide(
        self, question: Question, more: Remembering, reason: str, *, allow: bool
    ) -> None:
        one = question.approval
        names = (await self.runtime.team()).names
        agent = await self.runtime.agent(names.get(one.agent_id, one.agent_id))
        if allow:
            await agent.allow(one.request_id, **more)
        else:
            await agent.deny(one.request_id, reason, **more)

    def choose(self, number: int) -> None:
        """Choose what would be remembered of the oldest question, from 1."""
        if self.questions:
            self.questions = (self.questions[0].choosing(number), *self.questions[1:])
            self.screen.changed()

    async def title(self) -> str:
        """The title that was given to the conversation; empty if none was."""
        profile = (await self.agent.state()).profile
        return profile.title if profile else ""

    def show_thoughts(self, *, is_shown: bool) -> None:
        """Show what the model thinks, or keep it back."""
        self.turn = msgspec.structs.replace(self.turn, hides_thoughts=not is_shown)

    def leave(self) -> None:
        """End the talk as it is."""
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()

    def _begin(self, turn: Awaitable[object]) -> None:
        if self._tasks is None:
            raise RuntimeError("the session does not run")
        self._tasks.start_soon(self.attempt, turn)

    async def attempt(self, wish: Awaitable[object]) -> bool:
        """Do it, or show why not; False if it was refused. The feed tells how turns end."""
        try:
            await wish
        except RunFailed:
            return True
        except (MentraError, ValueError, TypeError, OSError) as error:
            await self.screen.answer([line(f"✗ {error}", "red")])
            return False
        return True

    # --- what happens ---------------------------------------------------------------------

    async def look(self) -> AgentSnapshot:
        """The agent as it is now."""
        self.snapshot = await self.agent.snapshot()
        return self.snapshot

    async def _follow(self, feed: Any) -> None:
        async for item in feed:
            await self._take(item)

    async def _take(self, item: FeedItem[a.AgentEvent]) -> None:
        event = item.event
        self.turn, shown = after_event(self.turn, event, time.monotonic())
        if shown:
            await self.screen.show(shown)
        if item.cursor is not None:
            await self.look()
        if isinstance(event, a.RunFinished | a.RunFailed):
            await self._turn_is_over(event)
        self.screen.changed()

    async def _turn_is_over(self, event: a.RunFinished | a.RunFailed) -> None:
        self.last_turn_failed = isinstance(event, a.RunFailed)
        self._turns_ended.add(event.run_id)
        self._turn_end.set()
        self._turn_end = anyio.Event()
        now = await self.look()
        if now.queued_steers and not now.run_id:  # said too late for the turn that is over
            self._begin(self.agent.run_queued(**self._limits))

    async def _hear(self) -> None:
        views = await self.runtime.project(APPROVALS)
        profile = (await self.agent.state()).profile
        team_id = profile.team_id if profile else DEFAULT_TEAM
        is_due = True
        while True:
            if is_due:
                is_there = await anyio.to_thread.run_sync(views.wait)
                parts = views.parts(APPROVALS).values()
                waits = approvals_in(parts, team_id) if is_there else None
                await self._wait_for(await self.runtime.approvals() if waits is None else waits)
            recorded = await self._news.get()
            shown = [news for one in recorded for news in news_of(one, self.agent.agent_id)]
            if shown:
                await self.screen.show(shown)
            is_due = any(
                isinstance(one.event, PermissionRequested)
                or (self.questions and changes_approvals(one))
                for one in recorded
            )

    async def _wait_for(self, waiting: Sequence[Any]) -> None:
        """Questions about all that waits; those that were there keep their place."""
        known = {_key(one.approval): one for one in self.questions}
        was = self.questions[0] if self.questions else None
        self.questions = [
            known.get(_key(one), Question.about(one))
            for one in waiting
            if _key(one) not in self._decided
        ]
        await self._ask_about(self.questions, was=was)

    async def _ask_about(self, questions: Sequence[Question], was: Question | None) -> None:
        is_new = questions and (was is None or _key(questions[0].approval) != _key(was.approval))
        if is_new:
            await self.screen.show(asked_lines(questions[0].approval, self.agent.name))
        self.screen.changed()
        if is_new and not self.screen.asks:
            await self.decide(
                allow=False, reason="nobody could be asked: this is no conversation in a terminal"
            )

    # --- the beginning --------------------------------------------------------------------

    async def _greet(self) -> None:
        shown: list[Shown] = list(await self._said_last()) if self.screen.asks else []
        now = await self.look()  # wakes it: what it does from here on is told by the feed
        self.turn = turn_of(now, time.monotonic())
        if now.run_id:
            shown.append(line(_GOES_ON, "yellow"))
        elif now.can_resume:
            shown.append(line("The last turn was broken off: /resume goes on with it.", "yellow"))
        if waits := now.queued_steers + now.queued_follow_ups:
            words = f"{counted(waits, 'message')} of yours, waiting for the next turn"
            shown.append(line(words, "yellow"))
        await self.screen.show(shown)

    async def _said_last(self) -> Sequence[Shown]:
        conversation = self.agent.conversation
        turns = turns_in(path_of(await conversation.entries(), await conversation.leaf()))
        if not turns:
            return ()
        title = await self.title()
        earlier = len(turns) - _TURNS_SHOWN
        words = f"… {counted(earlier, 'earlier turn')}: /history, /at N"
        before = [line(words, "dim")] if earlier > 0 else []
        named = [line(title, "bold")] if title else []
        return [*named, *before, *shown_turns(turns[-_TURNS_SHOWN:])]


def _key(approval: Any) -> tuple[str, str]:
    return approval.agent_id, approval.request_id
