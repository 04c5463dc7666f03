"""Model calls: every way an answer can come, or not come, is an outcome for the log."""

import asyncio
import sys
from pathlib import Path

import anyio
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from model_bench import model_services

from mentra_actors.domain.agent.commands import RecordModelFailure, RecordModelReply
from mentra_actors.domain.agent.effects import CallModel
from mentra_actors.domain.agent.events import AgentProfile
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.domain.transcript import Transcript
from mentra_actors.effects.models.live import LiveFeed
from mentra_actors.effects.models.model_calls import ModelCalls
from mentra_actors.effects.runner import Order
from mentra_actors.errors import MissingCredential, ProviderError
from mentra_actors.providers.port import ReplyFinished, TextDelta
from mentra_actors.providers.scripted import NeverEnds, ScriptedModel, call, say
from mentra_actors.testing.manual_clock import ManualClock
from mentra_actors.tools.functions.decorator import tool

pytestmark = pytest.mark.anyio

PROFILE = AgentProfile(agent_id="a", name="a", team_id="main", role="r", model="scripted:m")


@tool(retry="safe", parallel=True)
async def look(place: str) -> str:
    """Look at a place."""
    return place


@tool
async def hidden() -> str:
    """Not for this agent."""
    return ""


class Streams:
    """A provider whose stream is the function given."""

    name = "scripted"

    def __init__(self, stream):
        self.stream = stream

    async def aclose(self):
        pass


def finished(*blocks, **fields):
    return ReplyFinished(ModelReply(blocks=blocks, stop_reason=StopReason.END_TURN, **fields))


def order(profile=PROFILE, not_before=0.0):
    effect = CallModel(
        effect_id="model-1", run_id="a/run-1", profile=profile, attempt=1, not_before=not_before
    )
    return Order("agent-a", "model-1", effect, Transcript())


async def outcome_of(provider, *, deadline_s=60.0, profile=PROFILE, heard=None, clock=None):
    live = LiveFeed()
    live.subscribe(lambda notice: heard.append(notice) if heard is not None else None)
    services = model_services(provider, [look, hidden], clock=clock or ManualClock(), live=live)
    return await ModelCalls(services, deadline_s=deadline_s)(order(profile))


async def test_an_answer_comes_with_a_plan_for_each_of_its_calls():
    """The plan is decided before the log is written, so that a restart does not change it."""
    heard = []
    model = ScriptedModel([[say("Let me see."), call("look", place="x"), call("nobody")]])
    outcome = await outcome_of(model, heard=heard)

    assert isinstance(outcome, RecordModelReply)
    assert [plan.key for plan in outcome.plans] == ["tool-1.0", "tool-1.1"]
    first = outcome.plans[0]
    assert (first.retry, first.parallel) == ("safe", True)
    assert outcome.plans[1].refusal == "Tool not found"
    assert isinstance(heard[0].event, TextDelta)


async def test_a_stream_that_stops_midway_may_be_tried_again():
    """What had come of it is kept for people to see."""

    async def stream(_request):
        yield TextDelta("half an ")
        yield TextDelta("answer")

    outcome = await outcome_of(Streams(stream))

    assert (outcome.kind, outcome.transient) == ("malformed_stream", True)
    assert outcome.partial.text == "half an answer"


async def test_a_provider_error_keeps_what_the_provider_said():
    """Whether to wait, and how long, is decided from it."""
    error = ProviderError("busy", kind="http", transient=True, retry_after_s=7.0)
    outcome = await outcome_of(ScriptedModel([error]))

    assert isinstance(outcome, RecordModelFailure)
    assert (outcome.kind, outcome.transient, outcome.retry_after_s) == ("http", True, 7.0)


async def test_a_model_that_never_ends_has_a_deadline():
    """A stream that only hangs would keep its run open for ever."""
    outcome = await outcome_of(ScriptedModel([NeverEnds("well")]), deadline_s=0.01)

    assert (outcome.kind, outcome.transient) == ("timeout", False)
    assert outcome.partial.text == "well"


@pytest.mark.parametrize("ending", ["hangs", "raises"])
async def test_what_follows_a_whole_answer_does_not_spoil_it(ending):
    """The answer is there, and paid for."""

    async def stream(_request):
        yield finished(TextBlock(text="Done."))
        if ending == "raises":
            raise OSError("connection reset")
        await anyio.sleep_forever()

    outcome = await outcome_of(Streams(stream), deadline_s=0.01)

    assert isinstance(outcome, RecordModelReply)


async def test_a_missing_key_is_a_failure_that_says_so():
    """A retry cannot help; a person can."""

    async def stream(_request):
        raise MissingCredential("set OPENAI_API_KEY")
        yield

    outcome = await outcome_of(Streams(stream))

    assert (outcome.kind, outcome.transient) == ("configuration", False)
    assert "OPENAI_API_KEY" in outcome.message


async def test_an_unknown_model_is_a_failure():
    """The profile may be older than the list of providers."""
    profile = AgentProfile(agent_id="a", name="a", team_id="main", role="r", model="gone:m")
    outcome = await outcome_of(ScriptedModel([]), profile=profile)

    assert (outcome.kind, outcome.transient) == ("configuration", False)
    assert "gone:m" in outcome.message


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit, asyncio.CancelledError])
async def test_a_bug_in_an_adapter_is_a_failure(error):
    """The run must end; and a stray cancellation must not look like ours."""

    async def stream(_request):
        yield TextDelta("a")
        raise error

    outcome = await outcome_of(Streams(stream))

    assert (outcome.kind, outcome.transient) == ("provider_bug", False)
    assert error.__name__ in outcome.message


async def test_a_provider_that_gives_no_stream_is_a_failure():
    """A plain function instead of a generator is the first mistake of every adapter."""
    outcome = await outcome_of(Streams(lambda _request: None))

    assert outcome.kind == "provider_bug"


@pytest.mark.parametrize(
    "reply",
    [
        ReplyFinished(ModelReply(blocks=(TextBlock(text="\ud800"),), stop_reason="end_turn")),
        ReplyFinished(ModelReply(blocks=(TextBlock(text=None),), stop_reason="end_turn")),
        ReplyFinished(None),
    ],
    ids=["half a character", "no text", "nothing"],
)
async def test_an_answer_that_cannot_be_stored_is_a_failure(reply):
    """It would end its agent at every attempt to record it."""

    async def stream(_request):
        yield reply

    outcome = await outcome_of(Streams(stream))

    assert isinstance(outcome, RecordModelFailure)


async def test_a_message_that_cannot_be_stored_is_made_storable():
    """Providers put bytes of any kind into their errors."""
    error = ProviderError("bad \ud800 byte", kind="http", transient=False)
    outcome = await outcome_of(ScriptedModel([error]))

    assert outcome.message == "bad ? byte"


async def test_a_call_waits_for_its_moment():
    """A retry must not come before the provider allows it."""
    clock = ManualClock(now=100.0)
    calls = ModelCalls(model_services(ScriptedModel(["Done."]), clock=clock))
    async with anyio.create_task_group() as group:
        done = []

        async def run():
            done.append(await calls(order(not_before=101.0)))

        group.start_soon(run)
        await anyio.to_thread.run_sync(clock.wait_for_sleeper, 101.0)
        assert done == []
        clock.advance(1.0)

    assert isinstance(done[0], RecordModelReply)
    assert done[0].now == 101.0


async def test_only_offered_tools_are_shown_to_the_model():
    """A model calls what it sees."""
    seen = []

    def script(request):
        seen.extend(spec.name for spec in request.tools)
        return "Done."

    profile = AgentProfile(
        agent_id="a",
        name="a",
        team_id="main",
        role="r",
        model="scripted:m",
        hidden_tools=("hidden",),
    )
    await outcome_of(ScriptedModel(script), profile=profile)

    assert seen == ["look"]
