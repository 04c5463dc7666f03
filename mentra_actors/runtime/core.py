"""A running system: opened, resumed, closed. What the public faces stand on.

Opening: the store, the writer lease, the effects loop, the dispatchers, the actors; then every
stream that the store marks as having work is woken, and goes on by the code of normal work.
Closing goes the other way: intake ends, effects are cancelled and stay pending for the next
opening, actors finish what is waiting, the lease is released, the store closes last.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

import anyio

from mentra_actors.actors.directory import Directory
from mentra_actors.actors.dispatcher import DispatcherPool
from mentra_actors.actors.messages import Accepted, Answer, Envelope, Look, error_in
from mentra_actors.actors.stream_services import StreamServices
from mentra_actors.domain.agent.effects import CallModel, CompensateCall, ProbeTool, RunTool
from mentra_actors.domain.agent.events import ModelCallFailed
from mentra_actors.domain.supervision.decide import SUPERVISION_STREAM
from mentra_actors.effects.calls.call_plans import OutputCheck
from mentra_actors.effects.causation import present_causation
from mentra_actors.effects.loop import EffectLoop
from mentra_actors.effects.models.live import LiveFeed, LiveNotice
from mentra_actors.effects.models.live_answers import FORGET_LEFT_S, LiveAnswers
from mentra_actors.effects.ports import Delivered
from mentra_actors.effects.round_decisions import RoundStrategy
from mentra_actors.effects.runner import EffectRunner
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import Fenced, MentraError, RuntimeClosed, StoreError
from mentra_actors.ids import StreamId
from mentra_actors.providers.registry import ProviderRegistry
from mentra_actors.runtime.agents.kept_past import KeptPast
from mentra_actors.runtime.agents.run_operations import RunOperations
from mentra_actors.runtime.builtin_tools import all_tools
from mentra_actors.runtime.kinds import stream_kinds
from mentra_actors.runtime.memory.memories import Memories, opened_memories
from mentra_actors.runtime.performers import World, performers
from mentra_actors.runtime.resumption import Resumption
from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.runtime.skills import Skills
from mentra_actors.runtime.teams.job_upkeep import JobUpkeep
from mentra_actors.runtime.teams.member_reading import MemberReading
from mentra_actors.runtime.teams.supervised import Redelivery, Teams, loaded_supervision
from mentra_actors.runtime.tool_commands import ToolCommands
from mentra_actors.runtime.writing.exit_hook import close_before_exit
from mentra_actors.runtime.writing.lease_term import LeaseTerm
from mentra_actors.runtime.writing.opened_store import opened_store
from mentra_actors.runtime.writing.petition_taker import taking_petitions
from mentra_actors.runtime.writing.tick_journal import TickJournal
from mentra_actors.runtime.writing.writer_lease import (
    WRITER_LEASE,
    acquire_writer_lease,
    release_writer_lease,
)
from mentra_actors.store.journal import Journal
from mentra_actors.store.ownership.process_name import process_name
from mentra_actors.store.ports import Fence
from mentra_actors.tools.registry import RegisteredTools

__all__ = ["RuntimeCore"]

_log = logging.getLogger(__name__)

T = TypeVar("T")

CLOSE_TIMEOUT_S = 10.0
PROVIDER_CLOSE_TIMEOUT_S = 5.0


class RuntimeCore:
    """One open store with its actors and effects. Safe from any thread; `close` blocks."""

    def __init__(self, settings: RuntimeSettings) -> None:
        """Open, take the lease, resume what is open.

        Raises:
            StoreError: the store cannot be opened or written.
            ConfigurationError: two tools or two providers have one name, or a key is no key.
        """
        self.settings = settings
        self.clock = settings.clock
        self._make_tools()
        self.strategies: dict[str, RoundStrategy] = dict(settings.strategies)
        """Round strategies by name; whoever passes one with a run adds it."""
        self.output_checks: dict[str, OutputCheck] = {}
        """Checks of typed outputs by the name of their tool; whoever asks for one adds it."""
        self._opened = opened_store(settings)
        self.store = self._opened.store
        self.journal = Journal(self.store)
        self.members = MemberReading(self.store, self.journal)
        self._make_feeds()
        self.runs = RunOperations(self)
        self._is_closed = False
        self._resources = ExitStack()
        self._fenced: Fenced | None = None
        self._ends = ExitStack()
        """What `close` does, last part first; each part adds its end when it has started."""
        self._ends.callback(self.store.close)
        self._make_readers()
        try:
            until = self.clock.now() + settings.lease_term_s
            self._fence = self._take_lease()
            self._ends.callback(self._release_lease)
            self._start(until)
        except BaseException:
            self._ends.close()
            raise
        close_before_exit(self)

    def _make_tools(self) -> None:
        settings = self.settings
        self.tools = RegisteredTools(all_tools(settings), policy=settings.policy)
        self.providers = ProviderRegistry(
            providers=settings.providers, lent=settings.lent_providers
        )
        self.skills = Skills(self.tools, settings.skills_dirs)
        self.application: dict[type[object], object] = {type(one): one for one in settings.context}
        """What the program has given to its tools, by type; whoever gives more adds it."""

    def _make_feeds(self) -> None:
        self.recorded: LiveFeed[tuple[RecordedEvent[object], ...]] = LiveFeed(
            lambda recorded: (one.stream_id for one in recorded)
        )
        self.live: LiveFeed[LiveNotice] = LiveFeed(lambda notice: (notice.stream_id,))
        self.trouble: LiveFeed[MentraError] = LiveFeed()
        """Errors that end all waiting: a quarantine, the loss of the lease, the close."""

    def _make_readers(self) -> None:
        self.readers: Executor = ThreadPoolExecutor(2, thread_name_prefix="mentra-reader")
        """Threads that read long histories, so that no actor waits for them."""
        self.kept_past = KeptPast(self.journal)
        self.jobs = JobUpkeep(self.settings.path, self.store, self.journal, self.readers)
        self._ends.callback(self.jobs.close)
        self._ends.callback(self.readers.shutdown, wait=True, cancel_futures=True)
        self.memories: Memories = self._ends.enter_context(opened_memories(self))
        """What agents remember for long, and the index that it is searched by."""

    def _take_lease(self) -> Fence:
        fence = acquire_writer_lease(
            self.store,
            self.journal,
            self.clock,
            holder=process_name(),
            term_s=self.settings.lease_term_s,
        )
        self._opened.settle(self.journal, self.settings, fence)
        return fence

    def _start(self, lease_until: float) -> None:
        self._start_loop(lease_until)
        self._start_actors()
        self.jobs.begin(self.recorded)
        self.effects = self._effect_runner()
        self.directory.connect(self._services(), loaded_supervision(self.store, self.journal))
        self._ends.callback(self._stop_actors)
        self.resumption = Resumption(
            self.store, self.journal, self.directory, what=self.settings.resume
        )
        self.resumed = self._resume()
        self._ends.enter_context(taking_petitions(self))
        self._loop.call_later(self._sweep_s, self._sweep)
        self._loop.call_later(FORGET_LEFT_S, self.answers.forget_left)

    def _start_loop(self, lease_until: float) -> None:
        self._loop = EffectLoop()
        self._lease = LeaseTerm(self.clock, self._loop.post, until=lease_until)
        self.recorded.subscribe(self._lease.note, topic=WRITER_LEASE)
        self.answers = LiveAnswers(
            TickJournal(self.store), self._loop.call_later, tick_s=self.settings.tick_s
        )
        self.recorded.subscribe(self._forget_partials)
        self._loop.start()
        self._ends.callback(self._loop.stop)
        self._ends.callback(self._close_providers)
        self._ends.callback(self._resources.close)

    def _start_actors(self) -> None:
        settings = self.settings
        self._dispatchers = DispatcherPool(settings.threads)
        self._ends.callback(self._dispatchers.stop, CLOSE_TIMEOUT_S)
        self.directory = Directory(
            stream_kinds(self.store, self.journal),
            self._dispatchers,
            self._loop.call_later,
            policy=settings.restart_policy,
            on_fenced=self._lost_lease,
            on_quarantined=self.trouble.publish,
            team_of=Teams(self.store, self.journal, settings.supervision).of,
        )
        self.recorded.subscribe(self.directory.follow, topic=SUPERVISION_STREAM)
        self.commands = ToolCommands(
            self.directory, self._loop, self.clock, self.runs, self.members
        )

    def _forget_partials(self, recorded: tuple[RecordedEvent[object], ...]) -> None:
        """What an earlier process had heard of an answer stands on the log now."""
        for one in recorded:
            if isinstance(one.event, ModelCallFailed):
                self.answers.forget(one.stream_id, one.event.effect_id)

    def _services(self) -> StreamServices:
        return StreamServices(
            store=self.store,
            journal=self.journal,
            effects=self.effects,
            feed=self.recorded,
            clock=self.clock,
            neighbours=self.directory,
            fence=lambda: self._fence,
            partials=self.answers.left,
            mailbox_bound=self.settings.mailbox_bound,
        )

    def _effect_runner(self) -> EffectRunner:
        settings = self.settings
        world = World(
            settings=settings,
            store=self.store,
            journal=self.journal,
            providers=self.providers,
            tools=self.tools,
            commands=self.commands,
            application=self.application,
            strategies=self.strategies,
            output_checks=self.output_checks,
            live=self.live,
            answers=self.answers,
            send=self._send_outcome,
            memories=self.memories,
            start_soon=self._loop.start_soon,
            job_directory=self.jobs.directory,
            redelivery=Redelivery(self.directory, self.journal),
            recorded=self.recorded,
            post=self._loop.post,
        )
        return EffectRunner(
            self._loop,
            performers(world, self._lease),
            self._send_outcome,
            capacity={CallModel: settings.max_model_calls, RunTool: settings.max_tool_runs},
        )

    def _resume(self) -> tuple[StreamId, ...]:
        """Wake the owners of streams with open work; which they are."""
        resumed, unknown = self.resumption.begin(self.settings.team)
        if unknown:
            _log.warning("no actor of this release owns %s: left as it is", ", ".join(unknown))
        return resumed

    @property
    def _sweep_s(self) -> float:
        return max(0.05, self.settings.passivate_after_s / 4)

    def _sweep(self) -> None:
        self.directory.passivate_idle(self.settings.passivate_after_s)
        self._loop.call_later(self._sweep_s, self._sweep)

    # --- commands -------------------------------------------------------------------------

    def ask(self, stream_id: StreamId, command: object) -> "Future[Accepted]":
        """Send a command; the future holds its answer when it is durable.

        It fails with `CommandRejected`, `ActorError` or `StoreError`.
        """
        future: Future[Accepted] = Future()

        def on_answer(answer: Answer) -> None:
            if isinstance(answer, Accepted):
                future.set_result(answer)
            else:
                future.set_exception(error_in(answer))

        future.set_running_or_notify_cancel()
        self.directory.send(stream_id, Envelope(command, on_answer, causation=present_causation()))
        return future

    def look(self, stream_id: StreamId) -> "Future[Accepted]":
        """The state of a stream after everything that was sent to it before."""
        return self.ask(stream_id, Look())

    def _send_outcome(
        self, stream_id: StreamId, command: object, causation: str, on_delivered: Delivered
    ) -> None:
        def on_answer(answer: Answer) -> None:
            on_delivered(error_in(answer))

        envelope = Envelope(command, on_answer, causation=causation, is_outcome=True)
        self.directory.send(stream_id, envelope)

    def _lost_lease(self, error: Fenced) -> None:
        if self._fenced is None:
            self._fenced = error
            _log.error("%s; nothing more is performed", error)
            self.answers.close()
            self.effects.close()
            self.trouble.publish(error)

    @property
    def fence(self) -> Fence:
        """The writer's epoch, which every append carries."""
        return self._fence

    def keep_open(self, resource: AbstractContextManager[T]) -> T:
        """Enter a context that reads the store; it is left before the store is closed."""
        return self._resources.enter_context(resource)

    def call_later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Run `call` on the effects loop after so many seconds."""
        self._loop.call_later(delay_s, call)

    def perform(self, work: Callable[..., Awaitable[T]], *arguments: object) -> "Future[T]":
        """Run a coroutine function on the effects loop; the future fails if that has ended."""
        return self._loop.submit(work, *arguments)

    # --- looking --------------------------------------------------------------------------

    def open_owners(self, *categories: str) -> Sequence[StreamId]:
        """Who of these kinds has something to do, as far as it is durable."""
        return self.resumption.open_owners(categories)

    @property
    def ended(self) -> MentraError | None:
        """Why nothing more will come of anything: another process has taken over, or `close`."""
        if self._fenced is not None:
            return self._fenced
        return RuntimeClosed("the runtime is closed") if self._is_closed else None

    def on_actor_thread(self) -> bool:
        """True on threads where nothing may block."""
        return self._dispatchers.is_current() or self._loop.is_current()

    # --- the end --------------------------------------------------------------------------

    def close(self) -> None:
        """End orderly; calling it twice is allowed.

        Blocks for `close_grace_s` and a few seconds more; for some twenty if something
        blocks the effects loop, or does not end when it is cancelled: that is left behind.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._ends.close()

    def _stop_actors(self) -> None:
        self.answers.close()
        self.directory.leave_mail()
        if self._fenced is None:
            self.jobs.stop_all(self.ask, self.clock)
            self._let_tools_end(self.settings.close_grace_s)
        self.effects.close()
        self.trouble.publish(RuntimeClosed("the runtime was closed; what is open stays open"))
        if not self.directory.close(CLOSE_TIMEOUT_S):
            _log.warning("some actors did not stop within %.0f s", CLOSE_TIMEOUT_S)

    def _let_tools_end(self, grace_s: float) -> None:
        """Calls whose start is on the log, or just getting there, are run and recorded."""
        if not grace_s:
            return
        deadline = time.monotonic() + grace_s
        self.effects.allow_only(frozenset({RunTool, ProbeTool, CompensateCall}))
        self.directory.settle(grace_s)
        self.effects.wait_landed(max(0.0, deadline - time.monotonic()))

    def _close_providers(self) -> None:
        limit_s = PROVIDER_CLOSE_TIMEOUT_S
        try:
            self._loop.run(_within, limit_s, self.providers.aclose, timeout_s=1.2 * limit_s)
        except TimeoutError:
            _log.error("the effects loop is blocked: the providers are not closed")
        except Exception:  # noqa: BLE001 - what comes after it must be closed all the same
            _log.exception("a provider could not be closed")

    def _release_lease(self) -> None:
        try:
            if self._fenced is None:
                release_writer_lease(self.store, self.journal, self.clock, self._fence)
        except StoreError as error:
            _log.warning("the store was closed without a word: %s", error)


async def _within(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    with anyio.move_on_after(seconds):
        await work()
