"""A team that a script plays: what a test sees of it, and what is left when it dies."""

import threading

import anyio
import pytest

from mentra_actors import ScriptedModel, call, tool
from mentra_actors.domain.agent.events import ModelCallFailed, ModelReplied, RunFinished
from mentra_actors.domain.lease import LeaseReleased
from mentra_actors.errors import ProviderError
from mentra_actors.providers.scripted import NEVER_ENDS, Staged
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.testing.failing_store import FailingStore
from mentra_actors.testing.manual_clock import ManualClock
from mentra_actors.testing.mock_faces import mock_runtime
from projections.views.transcript_item import AssistantText, Prompt, ToolResult


@tool(retry="idempotent")
def ship(city: str) -> str:
    """Ship a parcel."""
    return f"parcel to {city}"


SHIPPING = [[call("ship", city="Rome")], "It is on its way."]


def test_a_test_sees_what_was_asked_what_was_told_and_what_has_happened():
    with mock_runtime(SHIPPING, tools=[ship]) as mock:
        assert mock.spawn().send("Ship it.").text == "It is on its way."

        assert [request.messages[0].text for request in mock.requests] == ["Ship it."] * 2
        assert [result.content for result in mock.results("lead")] == ["parcel to Rome"]
        told = mock.transcript("lead", Prompt, ToolResult, AssistantText)
        assert [type(one) for one in told] == [Prompt, ToolResult, AssistantText]
        assert len(mock.events(ModelReplied, agent="lead")) == 2
        assert (mock.steps()[0], mock.steps()[-1]) == ("AgentSpawned", "RunFinished")
        assert any("Ship it." in sentence for sentence in mock.timeline())
        mock.assert_complete()
        mock.assert_guarantees()
        with pytest.raises(LookupError, match="'bob'"):
            mock.steps("bob")


def test_agents_are_scripted_by_name_and_found_after_a_crash():
    """The script is asked by position, so nobody hears a turn twice."""
    with mock_runtime({"ann": ["one", "two"], "bob": ["three"]}) as mock:
        assert mock.spawn("ann").send("?").text == "one"
        mock.crash()
        assert mock.events(LeaseReleased) == []  # the dead write no last words
        assert mock.agent("ann").send("And?").text == "two"
        mock.reopen()
        assert len(mock.events(LeaseReleased)) == 1
        assert mock.spawn("bob").send("?").text == "three"
        assert len(mock.requests_of("ann")) == 2
        mock.assert_complete()


def test_a_run_goes_on_after_a_crash_in_the_middle_of_a_call():
    """What the dead process was doing is done by the next one, without a prompt."""
    entered = threading.Event()

    @tool(retry="idempotent")
    async def slow() -> str:
        """Wait for ever, the first time."""
        if not entered.is_set():
            entered.set()
            await anyio.sleep_forever()
        return "done"

    with mock_runtime([[call("slow")], "Well."], tools=[slow]) as mock:
        mock.spawn(prompt="Go")
        assert entered.wait(30)
        mock.crash()
        mock.until(RunFinished, within_s=30)

        assert mock.agent().last_answer() == "Well."
        assert [run.answer for run in mock.world.runs] == [None, "done"]
        mock.assert_guarantees()


def test_what_does_not_come_is_said_with_the_end_of_the_log():
    with mock_runtime([NEVER_ENDS]) as mock:
        mock.spawn()
        with pytest.raises(TimeoutError, match=r"2 of RunFinished have not come[^$]*agent-lead"):
            mock.until(RunFinished, count=2, within_s=0.0)


def test_time_passes_when_the_test_says_so():
    """A wait of hours takes none, and nobody wakes before."""
    busy = ProviderError("busy", kind="http", transient=True, status=503)
    turn = Staged("Fine.", fail_first=[busy])
    with mock_runtime([turn], clock=ManualClock()) as mock:
        mock.spawn(prompt="Go")
        mock.until(ModelCallFailed, within_s=30)
        assert mock.events(RunFinished) == []
        mock.advance(7200.0)
        mock.until(RunFinished, within_s=30)
        mock.assert_complete()


def test_only_a_manual_clock_is_moved_and_the_store_is_not_wrapped():
    with mock_runtime([]) as mock, pytest.raises(TypeError, match="ManualClock"):
        mock.advance(1.0)
    with (
        pytest.raises(TypeError, match="store=…"),
        mock_runtime([], wrap_store=lambda store: store),
    ):
        pass


def test_the_store_may_die_at_a_numbered_append_and_live_again():
    store = FailingStore(MemoryEventStore())
    with mock_runtime(ScriptedModel(["Hello."]), store=store) as mock:
        store.die_at(3)
        mock.spawn(prompt="Hello?")
        store.wait_for_death(timeout_s=30)
        mock.crash()
        mock.until(RunFinished, within_s=30)

        assert mock.agent().last_answer() == "Hello."
        mock.assert_guarantees()


@pytest.mark.anyio
async def test_the_asynchronous_face_does_the_same():
    async with mock_runtime({"lead": SHIPPING}, tools=[ship]) as mock:
        lead = await mock.spawn(prompt="Ship it.")
        await mock.until(RunFinished, agent="lead")
        assert await lead.last_answer() == "It is on its way."
        await mock.crash()
        assert await (await mock.agent()).last_answer() == "It is on its way."
        await mock.reopen()
        with pytest.raises(TimeoutError, match="2 of RunFinished"):
            await mock.until(RunFinished, count=2, within_s=0.0)
        mock.assert_complete()
