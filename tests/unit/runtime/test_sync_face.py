"""The blocking face, closing and reopening, and time that a test moves."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest
from forked_python import run_forked

import mentra_actors as mentra
from mentra_actors.actors.restart_policy import RestartPolicy
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.effects import RunTool
from mentra_actors.domain.agent.events import ToolCallStarted
from mentra_actors.domain.lease import LeaseRenewed
from mentra_actors.errors import (
    ActorQuarantined,
    Fenced,
    RunFailed,
    RuntimeClosed,
    StoreFull,
    StoreLocked,
)
from mentra_actors.ids import agent_stream
from mentra_actors.providers.scripted import NEVER_ENDS
from mentra_actors.runtime.writing.writer_lease import WRITER_LEASE
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest, Fence
from mentra_actors.testing.failing_store import FailingStore
from mentra_actors.testing.manual_clock import ManualClock

MODEL = "scripted:m"
WAIT_S = 10.0
LEAD = agent_stream("lead")


def opened(script, *, path=":memory:", **options):
    """A runtime whose model plays a script."""
    return mentra.open_runtime_sync(path, providers=[mentra.ScriptedModel(script)], **options)


def named_threads():
    return [t.name for t in threading.enumerate() if t.name.startswith("mentra")]


@pytest.mark.parametrize("way", ["until_idle", "wait_for_run"])
def test_who_waits_no_more_listens_no_more(way):
    """A program that looks in now and then must not gather listeners until a run ends."""
    with opened([NEVER_ENDS], close_grace_s=0) as runtime:
        worker = runtime.spawn("worker", model=MODEL, prompt="Go.")
        wait = runtime.until_idle if way == "until_idle" else worker.wait_for_run
        with pytest.raises(TimeoutError):
            wait(timeout_s=0.01)

        assert not runtime._operations.core.trouble.is_heard
        worker.cancel()
        runtime.until_idle(timeout_s=WAIT_S)


def test_a_turn_needs_no_await():
    """Scripts and notebooks have no event loop of their own to spare."""
    with opened(["Done."]) as runtime:
        lead = runtime.spawn("lead", model=MODEL)
        reply = lead.send("Go.")
        runtime.until_idle()

        assert reply.text == "Done."
        assert lead.state().run is None
        assert runtime.agent("lead").agent_id == lead.agent_id
        assert sorted(runtime.team().members) == ["lead"]


def test_many_threads_may_use_one_runtime():
    """A web server has one runtime and many workers."""
    with opened(lambda request: request.messages[-1].text) as runtime:
        agents = [runtime.spawn(f"agent-{number}", model=MODEL) for number in range(4)]

        def send(number):
            return agents[number % 4].send(f"prompt {number}").text

        with ThreadPoolExecutor(8) as pool:
            texts = list(pool.map(send, range(60)))

    assert texts == [f"prompt {number}" for number in range(60)]


def test_a_timeout_gives_the_caller_back_and_leaves_the_work():
    """The caller's patience is not the agent's."""
    go_on = threading.Event()

    @mentra.tool
    def waits() -> str:
        """Wait."""
        go_on.wait(WAIT_S)
        return "waited"

    with opened([mentra.call("waits"), "Done."], tools=[waits]) as runtime:
        lead = runtime.spawn("lead", model=MODEL)
        with pytest.raises(TimeoutError):
            lead.send("Go.", prompt_id="p1", timeout_s=0.0)
        go_on.set()

        assert lead.send("Go.", prompt_id="p1").text == "Done."


def test_a_blocking_call_on_a_thread_of_the_runtime_begins_nothing():
    """It would wait for itself; and what it asked for must not happen behind its back."""
    refused = []

    @mentra.tool
    async def calls_back() -> str:
        """Call back, blocking."""
        try:
            handles["lead"].send("From within.")
        except RuntimeError as error:
            refused.append(error)
        return "tried"

    handles = {}
    with opened([mentra.call("calls_back"), "Done."], tools=[calls_back]) as runtime:
        handles["lead"] = lead = runtime.spawn("lead", model=MODEL)

        def on_recorded(_recorded):
            try:
                lead.state()
            except RuntimeError as error:
                refused.append(error)

        end = runtime.on_recorded(on_recorded)
        lead.send("Go.")
        end()
        runtime.until_idle()
        transcript = str(lead.transcript())

    assert len(refused) > 1
    assert all("wait for itself" in str(error) for error in refused)
    assert "From within." not in transcript


def test_idle_with_a_quarantined_agent_is_an_error():
    """Its work will never end; waiting for it would not either."""
    policy = RestartPolicy(first_delay_s=0.0)
    with opened([NEVER_ENDS], restart_policy=policy) as runtime:
        lead = runtime.spawn("lead", model=MODEL)
        operations = runtime._operations
        sent = operations.runs.send(lead.agent_id, "Go.", None, {})
        lead.state()
        idle = operations.idle()
        wrong = c.RecordModelReply(effect_id="model-1", reply=None, plans=(), now=0.0)
        delivered = threading.Event()
        operations.core._send_outcome(LEAD, wrong, "test", lambda _error: delivered.set())
        assert delivered.wait(WAIT_S)

        with pytest.raises(ActorQuarantined):
            idle.result(WAIT_S)
        with pytest.raises(ActorQuarantined):
            sent.result(WAIT_S)
        with pytest.raises(ActorQuarantined):
            runtime.until_idle(timeout_s=WAIT_S)
        with pytest.raises(ActorQuarantined):
            lead.send("Go on.")


def test_a_lost_lease_ends_all_waiting_and_all_work():
    """Two processes that both perform effects would pay twice."""
    store = FailingStore(MemoryEventStore())
    with opened([NEVER_ENDS], wrap_store=lambda _store: store) as runtime:
        lead = runtime.spawn("lead", model=MODEL)
        operations = runtime._operations
        waiting = operations.runs.send(lead.agent_id, "Go.", "p1", {})
        lead.state()
        store.append(AppendRequest(fence=Fence("writer", 99), raise_fence=True))
        with pytest.raises(Fenced):
            lead.send("Go on.")

        with pytest.raises(Fenced):
            waiting.result(WAIT_S)
        with pytest.raises(Fenced):
            lead.send("Go.", prompt_id="p1", timeout_s=WAIT_S)
        with pytest.raises(Fenced):
            lead.mail("Hello?")
        with pytest.raises(Fenced):
            runtime.until_idle(timeout_s=WAIT_S)
        operations.core._loop.run(_nothing)
        assert operations.core.effects.count() == 0


async def _nothing():
    pass


def test_a_full_disk_fails_the_prompt_and_the_next_one_is_answered():
    """Free some space and go on; nothing acknowledged is lost."""
    store = FailingStore(MemoryEventStore())
    with opened(["Done."], wrap_store=lambda _store: store) as runtime:
        lead = runtime.spawn("lead", model=MODEL)
        store.fail_next(1, StoreFull("no space left"))
        with pytest.raises(StoreFull):
            lead.send("Go.")

        assert lead.send("Go on.").text == "Done."


# --- closing and opening again ----------------------------------------------------------------


def test_a_close_in_the_middle_leaves_no_thread_and_the_work_goes_on_later(reopenable):
    """What runs at the close stays open on the log: nothing is recorded that did not happen."""
    path, options = reopenable
    running, cancelled = threading.Event(), threading.Event()

    @mentra.tool(name="look", retry="safe")
    async def never() -> str:
        """Look, for ever."""
        running.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    @mentra.tool(name="look", retry="safe")
    async def look() -> str:
        """Look."""
        return "seen"

    script = [mentra.call("look"), "Done."]
    with opened(script, tools=[never], path=path, close_grace_s=0.0, **options) as runtime:
        lead = runtime.spawn("lead", model=MODEL)
        waiting = runtime._operations.runs.send(lead.agent_id, "Go.", "p1", {})
        assert running.wait(WAIT_S)
    assert cancelled.is_set()
    assert named_threads() == []
    with pytest.raises(RuntimeClosed):
        waiting.result(0)
    with opened(script, tools=[look], path=path, **options) as runtime:
        assert LEAD in runtime.resumed
        reply = runtime.agent("lead").send("Go.", prompt_id="p1")

    assert reply.text == "Done."


def test_calls_that_follow_one_another_end_before_the_close():
    """The start of the second is on the log as soon as the first has ended."""
    store = FailingStore(MemoryEventStore(), survives_close=True)
    ran, started, closing = [], threading.Event(), threading.Event()

    @mentra.tool
    def pay(euros: int) -> str:
        """Pay."""
        ran.append(euros)
        closing.wait(WAIT_S)
        return "paid"

    script = [[mentra.call("pay", euros=1), mentra.call("pay", euros=2)], "Done."]
    with opened(script, tools=[pay], wrap_store=lambda _store: store) as runtime:
        lead = runtime.spawn("lead", model=MODEL)
        runtime.on_recorded(lambda recorded: started.set() if _has_start(recorded) else None)
        waiting = runtime._operations.runs.send(lead.agent_id, "Go.", None, {})
        assert started.wait(WAIT_S)
        allow_only = runtime._operations.core.effects.allow_only

        def allow_only_and_go_on(kinds):
            allow_only(kinds)
            closing.set()

        runtime._operations.core.effects.allow_only = allow_only_and_go_on
    with pytest.raises(RuntimeClosed):
        waiting.result(0)
    kinds = [type(one.event).__name__ for one in Journal(store).read_stream(LEAD)]

    assert ran == [1, 2]
    assert kinds.count("ToolCallFinished") == 2
    assert "ToolCallOutcomeUnknown" not in kinds


def _has_start(recorded):
    return any(isinstance(one.event, ToolCallStarted) for one in recorded)


def test_a_prompt_in_the_moment_of_the_close_hears_of_it():
    """It is too late to be told with the others, and too early to be refused."""
    waiting = []
    with opened([NEVER_ENDS], close_grace_s=0.0) as runtime:
        lead = runtime.spawn("lead", model=MODEL)
        operations = runtime._operations

        def send_again(_error):
            waiting.append(operations.runs.send(lead.agent_id, "Go.", None, {}))
            waiting.append(operations.idle())

        operations.core.trouble.subscribe(send_again)

    for future in waiting:
        with pytest.raises(RuntimeClosed):
            future.result(WAIT_S)
    assert len(waiting) == 2


def test_a_runtime_that_cannot_start_leaves_nothing_behind():
    """The store must be free for the next try, and no thread may keep the process alive."""
    store = FailingStore(MemoryEventStore(), survives_close=True)
    with (
        pytest.raises(ValueError, match="at least one thread"),
        opened([], threads=0, wrap_store=lambda _store: store),
    ):
        pass

    assert named_threads() == []
    with opened(["Done."], wrap_store=lambda _store: store) as runtime:
        assert runtime.spawn("lead", model=MODEL).send("Go.").text == "Done."


def test_a_provider_that_cannot_be_closed_does_not_keep_the_store_open():
    """Its bug must not cost the next process the lease."""

    class Broken(mentra.ScriptedModel):
        async def aclose(self):
            raise OSError("the connection is gone")

    store = FailingStore(MemoryEventStore(), survives_close=True)
    with mentra.open_runtime_sync(
        ":memory:", providers=[Broken(["Done."])], wrap_store=lambda _store: store
    ) as runtime:
        runtime.spawn("lead", model=MODEL).send("Go.")

    assert named_threads() == []
    assert WRITER_LEASE not in store.open_streams()


def test_work_of_a_later_release_is_left_alone():
    """An older program must open a newer log, and not touch what it does not know."""
    store = FailingStore(MemoryEventStore(), survives_close=True)
    store.append(AppendRequest(open_streams=("background-7",)))
    with opened(["Done."], wrap_store=lambda _store: store) as runtime:
        assert runtime.spawn("lead", model=MODEL).send("Go.").text == "Done."

    assert "background-7" in store.open_streams()


def test_a_second_process_is_refused(tmp_path):
    """Two writers of one log would be two truths."""
    program = (
        "import sys, mentra_actors as m\n"
        "try:\n"
        "    with m.open_runtime_sync(sys.argv[1]): print('opened')\n"
        "except m.StoreError as error: print(type(error).__name__)\n"
    )
    path = str(tmp_path / "team")

    def second():
        command = [sys.executable, "-c", program, path]
        return run_forked(command, capture_output=True, text=True, check=True).stdout.strip()

    with opened([], path=path, durability="volatile"):
        assert second() == "StoreLocked"
        with pytest.raises(StoreLocked), opened([], path=path):
            pass
    assert second() == "opened"


# --- time -------------------------------------------------------------------------------------


def test_retries_wait_longer_and_longer_and_then_give_up():
    """A provider in trouble must not be hammered, and a run must end."""
    clock = ManualClock()
    busy = mentra.ProviderError("busy", kind="http", transient=True)
    with opened(lambda _request: busy, clock=clock) as runtime:
        lead = runtime.spawn("lead", model=MODEL)
        waiting = runtime._operations.runs.send(lead.agent_id, "Go.", None, {})
        for delay_s in (0.5, 1.0, 2.0, 4.0, 5.0):
            clock.wait_for_sleeper(clock.now() + delay_s)
            clock.advance(delay_s)
        with pytest.raises(RunFailed, match="busy") as failed:
            waiting.result(WAIT_S)

    assert failed.value.kind == "http"


@pytest.mark.parametrize(("asked_s", "waits_s"), [(30.0, 30.0), (3600.0, 60.0), (0.1, 0.5)])
def test_a_provider_may_ask_for_a_longer_wait_up_to_a_minute(asked_s, waits_s):
    """Its word counts, but an hour is not a retry."""
    clock = ManualClock()
    busy = mentra.ProviderError("busy", kind="http", transient=True, retry_after_s=asked_s)
    model = mentra.ScriptedModel(["Done."], fail_first=[busy])
    with mentra.open_runtime_sync(":memory:", providers=[model], clock=clock) as runtime:
        lead = runtime.spawn("lead", model=MODEL)
        waiting = runtime._operations.runs.send(lead.agent_id, "Go.", None, {})
        clock.wait_for_sleeper(clock.now() + waits_s)
        clock.advance(waits_s)

        assert waiting.result(WAIT_S).text == "Done."


def test_the_lease_is_renewed_at_a_third_of_its_term():
    """Early enough that a slow disk does not cost it."""
    clock = ManualClock()
    store = FailingStore(MemoryEventStore())
    with opened([], clock=clock, lease_term_s=30.0, wrap_store=lambda _store: store) as runtime:
        renewed = []
        seen = threading.Semaphore(0)

        def on_recorded(recorded):
            for one in recorded:
                if isinstance(one.event, LeaseRenewed):
                    renewed.append(one.event.expires_at)
                    seen.release()

        runtime.on_recorded(on_recorded)
        for _ in range(3):
            clock.wait_for_sleeper(clock.now() + 10.0)
            clock.advance(10.0)
            assert seen.acquire(timeout=WAIT_S)

        assert renewed == [clock.now() + 10.0 * late for late in (1, 2, 3)]


def test_effects_and_store_can_be_wrapped():
    """Tests stand around what touches the world, without patching anything."""
    seen = []

    def wrap(performer):
        async def perform(order):
            seen.append(type(order.effect))
            return await performer(order)

        return perform

    @mentra.tool
    async def look() -> str:
        """Look."""
        return "seen"

    with opened([mentra.call("look"), "Done."], tools=[look], wrap_effects=wrap) as runtime:
        runtime.spawn("lead", model=MODEL).send("Go.")

    assert RunTool in seen


def test_an_option_that_there_is_not_is_named_with_those_that_there_are():
    """`tool=` for `tools=` must not cost an hour."""
    with (
        pytest.raises(TypeError, match="a runtime has no option 'tool'; there are tools, prov"),
        mentra.open_runtime_sync(":memory:", tool=[]),
    ):
        pass


def test_a_tool_in_place_of_its_name_is_told_where_it_belongs():
    """Others take the tools of an agent themselves."""

    @mentra.tool
    def look() -> str:
        """Look."""
        return "seen"

    told = r"tools are names of tools, and look is none: .* open_runtime\(tools="
    with opened([]) as runtime, pytest.raises(TypeError, match=told):
        runtime.spawn("lead", model=MODEL, tools=[look])


def test_who_gives_up_waiting_is_told_that_the_run_goes_on():
    """An empty TimeoutError leaves one wondering whether to send again."""
    with mentra.open_runtime_sync(
        ":memory:", providers=[mentra.ScriptedModel([NEVER_ENDS])]
    ) as runtime:
        lead = runtime.spawn("lead", model="scripted:m")
        with pytest.raises(TimeoutError, match=r"not done after 0\.01 s; it goes on"):
            lead.send("Go", timeout_s=0.01)
        lead.cancel()
