"""What holds of the prompt, whatever is in the log: no conversation can be bricked."""

from functools import reduce
from typing import get_args

import msgspec
from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.codec.event_codec import CODEC
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.content import ToolCallBlock, ToolResultsMessage, UserMessage
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.transcript import Transcript, apply, mail_text, prompt_messages
from mentra_actors.testing.agent_strategies import SPAWNED, agent_histories, spawned
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.testing.legality import prompt_faults
from mentra_actors.testing.strategies import any_history

AGENT_EVENTS = get_args(e.AgentEvent)


def transcripts(events):
    """The transcript after each event."""
    current = Transcript()
    for event in events:
        current = apply(current, event)
        yield event, current


def events_of(commands):
    return [event for answer in play(given(AGENT, SPAWNED), commands) for event in answer.events]


@forall(agent_histories())
def test_every_prefix_of_a_log_is_a_legal_prompt(commands):
    """A provider refuses a call without a result for ever; the crash may come anywhere."""
    for _, transcript in transcripts(events_of(commands)):
        assert prompt_faults(prompt_messages(transcript)) == []


@forall(any_history(AGENT_EVENTS, max_size=30))
def test_every_prefix_of_any_log_is_a_legal_prompt(events):
    """Also a log that no decider would write must leave the conversation usable."""
    for _, transcript in transcripts(events):
        assert prompt_faults(prompt_messages(transcript)) == []


@forall(any_history(AGENT_EVENTS, max_size=30))
def test_messages_only_grow_and_stay_the_same_objects(events):
    """Adapters keep what they have encoded; a message that changes would go out stale."""
    before = ()
    for _, transcript in transcripts(events):
        messages = tuple(transcript.messages)

        assert len(messages) >= len(before)
        assert all(old is same for old, same in zip(before, messages, strict=False))
        before = messages


@forall(agent_histories(), st.text(max_size=5))
def test_the_first_result_of_a_call_stays(commands, other):
    """What the model was told of a call is not told otherwise by a second report."""
    for event, transcript in transcripts(events_of(commands)):
        if isinstance(event, e.ToolCallFinished):
            second = e.ToolCallFinished(key=event.key, content=other)

            assert apply(transcript, second) == transcript


@forall(agent_histories())
def test_a_prompt_extends_the_prompt_before(commands):
    """Prompt caches of providers work by prefix; a rewritten history costs money and time."""
    asked = [()]
    for event, transcript in transcripts([SPAWNED, *events_of(commands)]):
        if isinstance(event, e.ModelCallRequested):
            prompt = tuple(prompt_messages(transcript))

            assert prompt[: len(asked[-1])] == asked[-1]
            asked.append(prompt)


@forall(agent_histories())
def test_looking_changes_nothing(commands):
    """An inspector that renders a prompt half-way must not disturb the agent's own transcript."""
    events = events_of(commands)
    looked_at = Transcript()
    for event in events:
        looked_at = apply(looked_at, event)
        shown = tuple(prompt_messages(looked_at))
        assert tuple(prompt_messages(looked_at)) == shown

    assert looked_at == reduce(apply, events, Transcript())


NAMES = st.sampled_from(["a", "b"])
WORDS = st.lists(st.tuples(NAMES, st.uuids().map(str)), max_size=3)


@forall(WORDS, st.uuids().map(str), NAMES)
def test_no_letter_is_lost_because_of_its_id(letters, prompt, prompt_id):
    """Senders choose ids; two letters, or a letter and a prompt, may well have the same one."""
    mail = tuple(
        Mail(mail_id=mail_id, sender="worker", to="lead", body=body, sent_at=0.0)
        for mail_id, body in letters
    )
    idle = msgspec.structs.replace(SPAWNED.profile, wake_on_mail=False)
    taken = c.TakeMail(mail=mail, after_version=0, through_version=3, now=0.0)
    asked = c.AcceptPrompt(prompt_id=prompt_id, text=prompt, now=0.0)
    answer = given(AGENT, spawned(idle)).when(taken).when(asked)
    shown = prompt_messages(reduce(apply, answer.after.events, Transcript()))

    assert [message.text for message in shown] == [prompt, *map(mail_text, mail)]


@forall(agent_histories())
def test_stored_bytes_give_the_same_prompt(commands):
    """A restarted agent must send the model the words that it would have sent."""
    events = events_of(commands)
    stored = [back for event in events for back in CODEC.decode(*CODEC.encode(event))]

    assert prompt_messages(reduce(apply, stored, Transcript())) == prompt_messages(
        reduce(apply, events, Transcript())
    )


@forall(agent_histories())
def test_each_result_stands_at_its_call(commands):
    """The model reads results by place and id: swapped ones tell it lies about the world."""
    events = events_of(commands)
    recorded = {
        event.key: event.content for event in events if isinstance(event, e.ToolCallFinished)
    }
    expected = []
    for event in events:
        if isinstance(event, e.ModelReplied):
            number = event.effect_id.removeprefix("model-")
            asked = [block for block in event.blocks if isinstance(block, ToolCallBlock)]
            expected += [
                (block.call_id, recorded.get(f"tool-{number}.{index}"))
                for index, block in enumerate(asked)
            ]
    last = reduce(apply, events, Transcript())
    told = [
        (result.call_id, result.content)
        for message in prompt_messages(last)
        if isinstance(message, ToolResultsMessage)
        for result in message.results
    ]

    assert len(told) == len(expected)
    for (call_id, content), (expected_id, finished) in zip(told, expected, strict=True):
        assert call_id == expected_id
        assert finished in (None, content)


@forall(agent_histories())
def test_each_input_stands_in_the_prompt_once(commands):
    """A prompt or a letter that is lost or doubled makes the agent do the wrong thing."""
    events = events_of(commands)
    prompts = {ev.prompt_id: ev.text for ev in events if isinstance(ev, e.PromptAccepted)}
    letters = {
        mail.mail_id: mail_text(mail)
        for ev in events
        if isinstance(ev, e.MailTaken)
        for mail in ev.mail
    }
    placed = [
        text
        for ev in events
        if isinstance(ev, e.InputPlaced)
        for text in (
            *(prompts[prompt_id] for prompt_id in ev.prompt_ids),
            *(letters[mail_id] for mail_id in ev.mail_ids),
        )
    ]
    last = reduce(apply, events, Transcript())

    assert [m.text for m in last.messages if isinstance(m, UserMessage)] == placed
    waiting = (len(prompts) + len(letters)) - len(placed)
    assert len(last.waiting) == waiting
