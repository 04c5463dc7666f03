"""Tool runs and probes: every way a tool can end is something that the model is told."""

import asyncio
import threading

import anyio
import msgspec
import pytest

from mentra_actors.domain.agent.effects import ProbeTool, RunTool
from mentra_actors.domain.agent.events import AgentProfile
from mentra_actors.domain.tool_call import OutgoingMail
from mentra_actors.effects.calls.tool_contexts import ToolContexts
from mentra_actors.effects.calls.tool_runs import ToolProbes, ToolRuns, ToolServices
from mentra_actors.effects.calls.workplaces import Workplaces
from mentra_actors.effects.models.live import LiveFeed
from mentra_actors.effects.runner import Order
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.testing.manual_clock import ManualClock
from mentra_actors.tools.contract import ProbeResult, ToolContext, ToolError, ToolOutput
from mentra_actors.tools.functions.decorator import probe, tool
from mentra_actors.tools.registry import ToolRegistry
from mentra_actors.tools.results.size import ResultLimits

pytestmark = pytest.mark.anyio

PROFILE = AgentProfile(agent_id="a", name="a", team_id="main", role="r", model="m")
WAIT_S = 10.0


TASKS = set()


def start_soon(work):
    """Starts a task that lasts until it ends, as those of the effects loop do."""
    task = asyncio.get_running_loop().create_task(work())
    TASKS.add(task)
    task.add_done_callback(TASKS.discard)


class Bench:
    """A place to run one tool."""

    def __init__(self):
        self.store = MemoryEventStore()
        self.live = LiveFeed()
        self.clock = ManualClock()

    async def run(
        self,
        function,
        arguments="{}",
        name=None,
        hooks=(),
        limits=ResultLimits(),
        profile=PROFILE,
        view=None,
    ):
        tools = ToolRegistry([function])
        services = ToolServices(
            tools=tools,
            contexts=ToolContexts(
                commands=None,
                blobs=self.store,
                live=self.live,
                workplaces=Workplaces(),
                application={},
            ),
            blobs=self.store,
            clock=self.clock,
            start_soon=start_soon,
            hooks=tuple(hooks),
            limits=limits,
        )
        runs = ToolRuns(services)
        effect = RunTool(
            key="tool-1.0",
            call_id="c1",
            run_id="a/run-1",
            profile=profile,
            tool=name or function.name,
            arguments=arguments,
            idempotency_key="agent-a/tool-1.0",
            attempt=2,
        )
        self.command = await runs(Order("agent-a", "tool-1.0@2", effect, view))
        assert self.command.key == "tool-1.0"
        return self.command.outcome

    async def probe(self, function):
        tools = ToolRegistry([function])
        probes = ToolProbes(tools, self.store.put_blob, self.clock)
        effect = ProbeTool(
            key="tool-1.0", tool=function.name, idempotency_key="agent-a/tool-1.0", attempt=1
        )
        return await probes(Order("agent-a", "tool-1.0@1-probe", effect, None))


@pytest.fixture
def bench():
    return Bench()


def returning(value, **options):
    @tool(name="t", **options)
    async def returns() -> object:
        """Return a value."""
        return value

    return returns


def raising(error, **options):
    @tool(name="t", **options)
    async def raises() -> str:
        """Raise an error."""
        raise error

    return raises


@pytest.mark.parametrize(
    ("value", "told"), [("text", "text"), (None, "(no output)"), ({"a": 1}, '{"a":1}')]
)
async def test_a_result_is_told_as_text(bench, value, told):
    """A string as it is, anything else as JSON."""
    outcome = await bench.run(returning(value))

    assert (outcome.content, outcome.is_error) == (told, False)


async def test_a_result_that_json_cannot_carry_is_an_error(bench):
    """The tool has run; the model must know that, and that the result is lost."""
    outcome = await bench.run(returning(object()))

    assert outcome.is_error
    assert "ran, but its result is lost" in outcome.content


@pytest.mark.parametrize("error", [ToolError("try x"), ValueError("bad"), TimeoutError("socket")])
async def test_what_a_tool_raises_is_told(bench, error):
    """Also a TimeoutError of its own, which is not the limit that it was given."""
    outcome = await bench.run(raising(error, timeout_s=60))

    assert outcome.is_error
    assert str(error) in outcome.content
    assert "timed out after" not in outcome.content


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()]
)
async def test_a_tool_cannot_end_the_process_or_its_neighbours(bench, error):
    """`sys.exit()` in a tool is a result like any other."""
    outcome = await bench.run(raising(error))

    assert outcome.is_error
    assert type(error).__name__ in outcome.content


async def test_a_synchronous_tool_cannot_end_its_thread(bench):
    """It runs on a worker thread, whose end would be noticed by nobody."""

    @tool(name="t")
    def leaves() -> str:
        """Leave."""
        raise SystemExit(3)

    outcome = await bench.run(leaves)

    assert "SystemExit" in outcome.content


async def test_our_own_cancellation_is_not_an_outcome(bench):
    """A cancelled run must end at once and record nothing of it."""
    running = anyio.Event()

    @tool(name="t")
    async def waits() -> str:
        """Wait."""
        running.set()
        await anyio.sleep_forever()

    outcomes = []

    async def run():
        outcomes.append(await bench.run(waits))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await running.wait()
        group.cancel_scope.cancel()

    assert outcomes == []


@pytest.mark.parametrize(
    ("retry", "compensate", "unknown"),
    [
        ("never", None, "it timed out after 0.01 s"),
        ("safe", None, ""),
        ("safe", lambda _call: None, "it timed out after 0.01 s"),
    ],
    ids=["never", "safe", "can be undone"],
)
async def test_a_time_limit_is_told_and_so_is_the_doubt(bench, retry, compensate, unknown):
    """After a limit nobody knows whether a payment went out; a search does not matter."""

    @tool(name="t", retry=retry, timeout_s=0.01, compensate=compensate)
    async def waits() -> str:
        """Wait."""
        await anyio.sleep_forever()

    outcome = await bench.run(waits)

    assert outcome.is_error
    assert "timed out after 0.01 s" in outcome.content
    assert bench.command.unknown == unknown


async def test_a_synchronous_tool_has_a_time_limit_too(bench):
    """Its thread is left to itself: the model must not wait for it."""
    go_on, ended = threading.Event(), threading.Event()

    @tool(name="t", timeout_s=0.5)
    def blocks() -> str:
        """Block."""
        go_on.wait(WAIT_S)
        ended.set()
        return "late"

    outcome = await bench.run(blocks)
    go_on.set()

    assert "timed out" in outcome.content
    assert await anyio.to_thread.run_sync(ended.wait, WAIT_S)


async def test_a_synchronous_tool_does_not_block_the_loop(bench):
    """Every other agent's model streams on it."""
    loop_thread = threading.get_ident()

    @tool(name="t")
    def where() -> bool:
        """Say whether this is the loop's thread."""
        return threading.get_ident() == loop_thread

    assert (await bench.run(where)).content == "false"


async def test_arguments_that_do_not_fit_are_told(bench):
    """The model can mend its call when it hears what is wrong."""

    @tool(name="t")
    async def needs(count: int) -> str:
        """Need a number."""
        return str(count)

    outcome = await bench.run(needs, '{"count": "many"}')

    assert outcome.is_error
    assert "count" in outcome.content


async def test_a_tool_that_is_gone_is_told(bench):
    """A program may come back after a restart with fewer tools."""
    outcome = await bench.run(returning("x"), name="gone")

    assert outcome.is_error
    assert "Tool not found" in outcome.content


async def test_a_huge_output_is_cut_and_kept_whole_beside_the_log(bench):
    """The model gets what fits; nothing is lost."""
    text = "line\n" * 100_000
    outcome = await bench.run(returning(text))

    assert len(outcome.content.encode()) <= 50 * 1024
    assert outcome.spilled.size_bytes == len(text)
    assert bench.store.read_blob(outcome.spilled.digest) == text.encode()


async def test_mail_leaves_with_the_result(bench):
    """One append: it is sent exactly if the call is done."""
    letter = OutgoingMail(mail_id="m", to="b", body="Hello.")
    outcome = await bench.run(returning(ToolOutput(content="sent", mail=(letter,))))

    assert (outcome.content, outcome.mail) == ("sent", (letter,))


@pytest.mark.parametrize(
    "output",
    [
        ToolOutput(content="x", mail=(OutgoingMail(mail_id="m", to="b", body=" "),)),
        ToolOutput(content="x", mail=(OutgoingMail(mail_id="m", to="b", body="x" * 300_000),)),
        ToolOutput(content="x", mail=(OutgoingMail(mail_id="m", to="", body="x"),)),
        ToolOutput(content="x", mail=(OutgoingMail(mail_id="m", to="b" * 300, body="x"),)),
        ToolOutput(content="x", mail=(OutgoingMail(mail_id="m", to="b", body="\ud800"),)),
        ToolOutput(content="x", mail=("hello",)),
        ToolOutput(content="x", mail=None),
        ToolOutput(content="x", is_error="perhaps"),
    ],
    ids=["empty", "too long", "to nobody", "long name", "half", "a string", "none", "perhaps"],
)
async def test_an_output_that_the_log_cannot_take_is_an_error(bench, output):
    """Recording it would end the agent, again after every restart."""
    outcome = await bench.run(returning(output))

    assert outcome.is_error
    assert "its ToolOutput is wrong" in outcome.content
    msgspec.msgpack.encode(outcome)


async def test_a_tool_sees_its_context_and_can_show_progress(bench):
    """The idempotency key is the same for every attempt; that is what a tool dedupes on."""
    shown = []
    bench.live.subscribe(shown.append)

    @tool(name="t")
    async def looks(context: ToolContext) -> str:
        """Look around."""
        context.progress("half")
        return f"{context.idempotency_key} {context.attempt} {context.run_id} {context.call_id}"

    outcome = await bench.run(looks)

    assert outcome.content == "agent-a/tool-1.0 2 a/run-1 c1"
    assert [(notice.tool, notice.text) for notice in shown] == [("t", "half")]


# --- probes -----------------------------------------------------------------------------------


def probed(function):
    @tool(name="t", retry=probe(function))
    async def pays() -> str:
        """Pay."""
        return "paid"

    return pays


async def test_a_probe_says_what_became_of_a_call(bench):
    """Asked with the key of the call, on a thread or on the loop."""

    def ask(key):
        return ProbeResult(verdict="done", content=f"paid as {key}")

    async def ask_later(key):
        return ask(key)

    for function in (ask, ask_later):
        command = await bench.probe(probed(function))

        assert (command.verdict, command.outcome.content) == ("done", "paid as agent-a/tool-1.0")


@pytest.mark.parametrize(
    "answer",
    [ValueError("down"), SystemExit(1), asyncio.CancelledError(), "done", None,
     ProbeResult(verdict="perhaps")],
)  # fmt: skip
async def test_a_probe_that_cannot_say_does_not_know(bench, answer):
    """A guess would pay twice, or never."""

    async def ask(_key):
        if isinstance(answer, BaseException):
            raise answer
        return answer

    command = await bench.probe(probed(ask))

    assert command.verdict == "unknown"


async def test_a_tool_without_its_probe_does_not_know(bench):
    """The program may have come back with another version of the tool."""
    command = await bench.probe(returning("x"))

    assert command.verdict == "unknown"
