"""An answer that its provider pauses goes on, and counts as one."""

import pytest

from mentra_actors import ModelReply, ScriptedModel, TokenUsage, call, open_runtime, say
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import AssistantMessage
from mentra_actors.domain.model_call import StopReason
from mentra_actors.effects.models.paused_answers import MOST_PAUSES

pytestmark = pytest.mark.anyio


def part(*blocks, stop=StopReason.PAUSE, tokens=3):
    return ModelReply(blocks=blocks, stop_reason=stop, usage=TokenUsage(output_tokens=tokens))


async def played(turns):
    requests, recorded = [], []

    def script(request):
        requests.append(request)
        return turns[min(len(requests), len(turns)) - 1]

    model = ScriptedModel(script)
    async with open_runtime(":memory:", providers=[model], durability="volatile") as runtime:
        runtime.on_recorded(recorded.extend)
        reply = await (await runtime.spawn("lead", model="scripted:x")).send("Search")
    answers = [one.event for one in recorded if isinstance(one.event, e.ModelReplied)]
    return reply, requests, answers


async def test_a_paused_answer_goes_on_where_it_was():
    """Long work of a provider's tools is no end of a turn."""
    whole = part(say("found"), stop=StopReason.END_TURN, tokens=4)
    reply, requests, answers = await played([part(say("searching")), whole])

    assert reply.text == "searching\n\nfound"
    assert reply.stop_reason is StopReason.END_TURN
    assert requests[1].messages[-1] == AssistantMessage(blocks=(say("searching"),))
    (answer,) = answers
    assert answer.usage.output_tokens == 7


async def test_a_pause_with_calls_waits_for_their_results():
    """What our own tools are asked for comes first."""
    paused = part(call("no_such_tool"))
    _, requests, answers = await played([paused, part(say("done"), stop=StopReason.END_TURN)])

    assert len(answers) == len(requests) == 2


async def test_a_provider_that_pauses_for_ever_is_not_asked_for_ever():
    """Each time costs the whole conversation."""
    reply, requests, _ = await played([part(say("…"))])

    assert len(requests) == MOST_PAUSES + 1
    assert reply.stop_reason is StopReason.PAUSE
    assert not reply.is_whole
