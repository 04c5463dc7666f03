"""Many calls in one answer, and tools that do not end: the team goes on."""

import threading

import anyio
import anyio.lowlevel
import pytest

from mentra_actors import call, tool
from mentra_actors.domain.agent import events as e

pytestmark = pytest.mark.anyio

MANY = 200


class Crowd:
    """Counts who is inside at the same time."""

    def __init__(self):
        self._lock = threading.Lock()
        self.inside = self.most = 0

    def __enter__(self):
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_exception):
        with self._lock:
            self.inside -= 1


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
async def test_so_many_calls_run_at_once_as_the_runtime_allows(played, is_async):
    """All are answered, in the order of the calls, whatever the order in which they ended."""
    crowd = Crowd()

    @tool(name="work", parallel=True)
    async def waits(number: int) -> str:
        """Work."""
        with crowd:
            for _ in range(1 + number % 3):
                await anyio.lowlevel.checkpoint()
        return f"{number}: " + "x" * 1_000

    @tool(name="work", parallel=True)
    def blocks(number: int) -> str:
        """Work."""
        with crowd:
            return f"{number}: " + "x" * 1_000

    calls = [call("work", number=number) for number in range(MANY)]
    one = waits if is_async else blocks
    async with played([calls, "Done."], one, max_tool_runs=8) as team:
        await (await team.spawn()).send("Work")

    assert [text.partition(":")[0] for text, _ in team.results()] == list(map(str, range(MANY)))
    assert 1 <= crowd.most <= 8


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize("is_parallel", [True, False], ids=["parallel", "exclusive"])
@pytest.mark.parametrize(
    "error",
    [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration(), BaseException("base")],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_a_tool_raises_its_neighbour_and_its_run_go_on(
    played, error, is_parallel, is_async
):
    """In both lanes it is a result for the model, and nothing else."""

    @tool(name="breaks", parallel=is_parallel)
    async def breaks() -> str:
        """Break."""
        raise error

    @tool(name="breaks", parallel=is_parallel)
    def breaks_in_a_thread() -> str:
        """Break."""
        raise error

    @tool(parallel=is_parallel)
    def works() -> str:
        """Work."""
        return "worked"

    one = breaks if is_async else breaks_in_a_thread
    turns = [[call("breaks"), call("works")], "I see."]
    async with played(turns, one, works) as team:
        reply = await (await team.spawn()).send("Go")

    (text, is_error), neighbour = team.results()
    assert (is_error, neighbour, reply.text) == (True, ("worked", False), "I see.")
    assert type(error).__name__ in text


async def test_a_tool_that_does_not_let_itself_be_cancelled_holds_up_nobody_else(played):
    """Its run is over on the log at once; another agent works, and so does its own next run."""
    began, go_on = threading.Event(), threading.Event()

    @tool
    async def stubborn() -> str:
        """Go on whatever happens."""
        began.set()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(go_on.wait, 10)
        return "late"

    turns = {"ann": [[call("stubborn")], "I am back."], "bob": ["Hello."]}
    async with played(turns, stubborn) as team:
        ann, bob = await team.spawn("ann"), await team.spawn("bob")
        await ann.mail("Go")
        assert await anyio.to_thread.run_sync(began.wait, 10)
        await ann.cancel("enough")
        await team.until(e.RunCancelled)
        other = await bob.send("Are you there?")
        again = await ann.send("Are you there?")
        go_on.set()

    assert (other.text, again.text) == ("Hello.", "I am back.")
    assert "late" not in repr(team.events(e.ToolCallFinished))
