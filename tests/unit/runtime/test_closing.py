"""What a close lets end, and what the feed shows."""

import threading

import anyio
import anyio.lowlevel
import pytest

from mentra_actors import ScriptedModel, call, open_runtime, open_runtime_sync, tool
from mentra_actors.domain.agent.events import ToolCallFinished, ToolCallOutcomeUnknown
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.effects.team.job_folders import JobFolders
from mentra_actors.ids import AgentId, agent_stream
from mentra_actors.runtime.teams.job_upkeep import jobs_directory

pytestmark = pytest.mark.anyio

WAIT_S = 10.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_running_tool_may_end_before_the_runtime_closes(tmp_path):
    """An orderly end must not turn a payment that was made into one that nobody knows of."""
    events, cores = [], []

    @tool(retry="never")
    async def pay() -> str:
        """Pay."""
        while not cores or cores[0].ended is None:  # it ends when the runtime is closing
            await anyio.lowlevel.checkpoint()
        return "paid"

    model = ScriptedModel(turns=[[call("pay")], "done"])
    path = tmp_path / "store"
    async with open_runtime(
        path, tools=[pay], providers=[model], durability="volatile", close_grace_s=WAIT_S
    ) as runtime:
        runtime.on_recorded(lambda recorded: events.extend(one.event for one in recorded))
        cores.append(runtime._operations.core)
        await runtime.spawn("lead", model="scripted:x", prompt="pay")
        await _until(lambda: any("Started" in type(event).__name__ for event in events))
    async with open_runtime(
        path, tools=[pay], providers=[model], durability="volatile"
    ) as runtime:
        await runtime.until_idle()
        stored = runtime._operations.core.journal.read_stream(agent_stream(AgentId("lead")))

    kinds = [type(one.event) for one in stored]
    assert ToolCallOutcomeUnknown not in kinds
    assert kinds.count(ToolCallFinished) == 1


def test_a_close_removes_the_folders_of_jobs_to_which_no_worker_has_come(tmp_path):
    """Output that is in the store must not lie about beside it until the next opening."""
    path = tmp_path / "store"
    with open_runtime_sync(path, durability="volatile"):
        JobFolders(jobs_directory(path)).make("bg-aaaaaaaaaa")

    assert not jobs_directory(path).exists()


def test_a_tool_that_blocks_the_loop_does_not_block_the_close(monkeypatch, caplog):
    """Whoever ends a program must not wait for the hour that a tool sleeps."""
    begun, go_on, blocked = threading.Event(), threading.Event(), []

    @tool(retry="safe")
    async def block() -> str:
        """Block."""
        begun.set()
        blocked.append(go_on.wait(WAIT_S))
        return "x"

    for limit in ("runtime.core.PROVIDER_CLOSE_TIMEOUT_S", "effects.loop.STOP_TIMEOUT_S"):
        monkeypatch.setattr(f"mentra_actors.{limit}", 0.05)
    model = ScriptedModel(turns=[[call("block")], "done"])
    with open_runtime_sync(":memory:", tools=[block], providers=[model], close_grace_s=0) as team:
        team.spawn("lead", model="scripted:x", prompt="go")
        assert begun.wait(WAIT_S)
    has_waited = bool(blocked)
    loops = [one for one in threading.enumerate() if one.name.startswith("mentra-effects")]
    go_on.set()
    for one in loops:
        one.join(WAIT_S)

    assert not has_waited
    assert loops
    assert not any(one.is_alive() for one in loops), "the process could not end"
    assert "the providers are not closed" in caplog.text


async def _until(is_so) -> None:
    while not is_so():
        await anyio.lowlevel.checkpoint()


async def test_the_feed_shows_every_event_in_the_order_of_the_log():
    """Whoever builds on the feed must see what is on the log, host mail and births included."""
    seen = []
    model = ScriptedModel(lambda _request: "noted")
    async with open_runtime(":memory:", providers=[model]) as runtime:
        runtime.on_recorded(seen.extend)
        agents = [await runtime.spawn(f"a{n}", model="scripted:x") for n in range(5)]
        for agent in agents:
            await agent.mail("hello")
        await runtime.until_idle()

        positions = [one.global_position for one in seen]
    assert positions == list(range(positions[0], positions[0] + len(positions)))
    assert sum(isinstance(one.event, MailDelivered) for one in seen) == 5


async def test_an_agent_is_reused_by_its_name_and_a_bad_name_is_not():
    """`reuse` forgives that the agent is there, and nothing else."""
    async with open_runtime(":memory:", providers=[ScriptedModel(turns=["hi"])]) as runtime:
        first = await runtime.spawn("lead", model="scripted:x")
        again = await runtime.spawn("lead", model="scripted:x", reuse=True)

        assert again.agent_id == first.agent_id
        with pytest.raises(Exception, match="is not a name"):
            await runtime.spawn("no name", model="scripted:x", reuse=True)
