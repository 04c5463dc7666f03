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
from mentra_actors.domain.conversation_tree import closed, moved_to, path_to
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.transcript import Transcript, apply, mail_text, prompt_messages
from mentra_actors.testing.agent_strategies import SPAWNED, agent_histories, spawned
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.testing.legality import prompt_faults
from mentra_actors.testing.pairing import pairing_faults
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


@forall(agent_histories())
def test_every_request_is_one_that_each_provider_answers(commands):
    """Each has rules of its own about pairs, ids and turns; a fault in one bricks its users."""
    for event, transcript in transcripts(events_of(commands)):
        prompt = prompt_messages(transcript)
        if isinstance(event, e.ModelCallRequested):
            assert pairing_faults(prompt) == []

        assert pairing_faults([*prompt, UserMessage(text="Go on.")]) == [], "the next one fails"


@forall(any_history(AGENT_EVENTS, max_size=30))
def test_messages_only_grow_and_stay_the_same_objects(events):
    """Adapters keep what they have encoded; a message that changes would go out stale."""
    before, all_before = (), ()
    for event, transcript in transcripts(events):
        messages, entries = tuple(transcript.messages), tuple(transcript.entries)
        is_moved = isinstance(event, e.LeafMoved)

        assert all(old is same for old, same in zip(all_before, entries, strict=False))
        assert len(entries) >= len(all_before)
        assert is_moved or len(messages) >= len(before)
        assert is_moved or all(old is same for old, same in zip(before, messages, strict=False))
        before, all_before = messages, entries


@forall(any_history(AGENT_EVENTS, max_size=30))
def test_a_path_is_a_chain_from_the_first_entry_to_the_leaf(events):
    """Whatever was recorded, the prompt is what the tree says, and never half an exchange."""
    for _, transcript in transcripts(events):
        parents = [0, *transcript.path]
        for entry_id, parent, message in zip(
            transcript.path, parents, transcript.messages, strict=False
        ):
            entry = transcript.entries[entry_id - 1]
            assert (entry.entry_id, entry.parent) == (entry_id, parent)
            assert entry.message is message
        last = transcript.entries[transcript.leaf - 1] if transcript.leaf else None
        cut = last is not None and last.kind == "assistant_turn" and last.keys
        assert not cut or transcript.open_calls


@forall(agent_histories())
def test_the_decider_and_the_transcript_count_alike(commands):
    """An entry id in a command means the same to both; else a branch goes to another place."""
    state, transcript = AGENT.initial, Transcript()
    for event in [SPAWNED, *events_of(commands)]:
        state, transcript = AGENT.evolve(state, event), apply(transcript, event)
        if not transcript.open_calls:
            assert state.entries == len(transcript.entries)
            assert path_to(transcript, state.leaf) == list(transcript.path)


@forall(agent_histories(), st.integers(0, 99))
def test_a_branch_from_anywhere_is_a_legal_conversation(commands, where):
    """No place can be chosen where a call has lost its result, and the way back is the same."""
    here = closed(reduce(apply, events_of(commands), Transcript()))
    chosen = where % (len(here.entries) + 1)
    there = moved_to(here, chosen)

    assert pairing_faults([*there.messages, UserMessage(text="Go on.")]) == []
    assert chosen == 0 or chosen in there.path[-2:]
    assert list(there.entries) == list(here.entries)
    assert moved_to(there, here.leaf) == here


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
    asked, stubbed = (), 0
    for event, transcript in transcripts([SPAWNED, *events_of(commands)]):
        if isinstance(event, e.LeafMoved) or transcript.stubbed_through != stubbed:
            asked = ()  # a chosen moment: results become stubs many at once
        stubbed = transcript.stubbed_through
        if isinstance(event, e.ModelCallRequested):
            prompt = tuple(prompt_messages(transcript))

            assert prompt[: len(asked)] == asked
            asked = prompt


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
    entries = closed(reduce(apply, events, Transcript())).entries
    exchanges = [entry for entry in entries if isinstance(entry.message, ToolResultsMessage)]
    asked = [entry for entry in entries if entry.kind == "assistant_turn" and entry.keys]

    assert len(exchanges) == len(asked)
    for entry, answer in zip(exchanges, asked, strict=True):
        calls = [b.call_id for b in answer.message.blocks if isinstance(b, ToolCallBlock)]
        assert (entry.parent, entry.keys) == (answer.entry_id, answer.keys)
        assert [result.call_id for result in entry.message.results] == calls
        for key, result in zip(entry.keys, entry.message.results, strict=True):
            assert recorded.get(key) in (None, result.content)


@forall(agent_histories())
def test_each_input_stands_in_the_conversation_once(commands):
    """A prompt, a letter or a steer that is lost or doubled makes the agent do the wrong thing."""
    waiting, said = [], []
    for event, transcript in transcripts(events_of(commands)):
        new = list(transcript.entries)[len(said) :] if isinstance(event, e.InputPlaced) else []
        waiting = still_waiting(waiting, event, new, transcript)
        said = list(transcript.entries)

        assert sorted(texts_in(transcript)) == sorted(waiting)


def still_waiting(waiting, event, new, transcript):
    """What waits after an event, of what waited before it."""
    match event:
        case e.PromptAccepted() | e.InputQueued():
            return [*waiting, event.text]
        case e.MailTaken():
            return [*waiting, *(mail_text(mail) for mail in event.mail)]
        case e.InputPlaced() if not event.injected:
            return without(waiting, [one.message for one in new])
        case e.InputReturned():
            return waiting + returned_texts(event, transcript)
        case e.QueueCleared() | e.MailHandedOver():
            return texts_in(transcript)
        case _:
            return waiting


def without(waiting, messages):
    left = list(waiting)
    for message in messages:
        if isinstance(message, UserMessage):
            for text in parts_of(message.text, left):
                left.remove(text)
    return left


def texts_in(transcript):
    return [message.text for messages in transcript.waiting.values() for message in messages]


def parts_of(text, waiting):
    """Items of a queue that were said together, apart again."""
    if text in waiting:
        return [text]
    return next(
        [text[:at], *parts_of(text[at + 2 :], waiting)]
        for at in range(len(text))
        if text[at : at + 2] == "\n\n" and text[:at] in waiting
    )


def returned_texts(event, transcript):
    keys = [
        *(f"mail:{one}" for one in event.mail_ids),
        *(f"steer:{one}" for one in event.steer_ids),
        *(f"follow_up:{one}" for one in event.follow_up_ids),
    ]
    return [message.text for key in keys for message in transcript.placed[key]]
