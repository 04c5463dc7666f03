"""What a call was sent whose outcome nobody knows: as far as the log has it."""

import pytest

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.profile import MemoryOptions
from mentra_actors.domain.past_requests import seen_messages
from mentra_actors.errors import CommandRejected
from mentra_actors.testing.given_when_then import play
from tests.unit.domain.agent_words import agent, go, recovered, said

CANCEL = c.CancelRun(now=8.0)


def sent(call, *commands, has_facts=False, **profile):
    """The texts of the request of a call after these commands."""
    start = agent(**profile)
    events = [*start.events, *(one for answer in play(start, commands) for one in answer.events)]
    return [one.text for one in seen_messages(events, call, lambda _profile: has_facts)]


@pytest.mark.parametrize("end", [(), (recovered(),), (CANCEL,)], ids=["waits", "died", "left"])
def test_a_call_without_outcome_was_sent_the_conversation_before_it(end):
    """Also if the conversation went on since."""
    assert sent("model-1", go(), *end) == ["go"]


def test_what_was_said_after_a_call_that_was_left_is_no_part_of_it():
    after = [CANCEL, go("p2", "again"), said(reply_to="model-2")]

    assert sent("model-1", go(), *after) == ["go"]


def test_what_only_an_outcome_tells_is_not_made_up():
    with pytest.raises(CommandRejected, match="what was recalled of the memory"):
        sent("model-1", go(), recovered(), has_facts=True)
    off = MemoryOptions(auto_recall_enabled=False)
    assert sent("model-1", go(), recovered(), has_facts=True, memory=off) == ["go"]
    with pytest.raises(CommandRejected, match="there is no model call 'model-9'"):
        sent("model-9", go())
