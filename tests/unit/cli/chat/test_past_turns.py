"""A conversation as turns: what counts as one, how it is named, shown and saved."""

import pytest

from mentra_actors.cli.chat.past_turns import (
    as_markdown,
    entry_named,
    history_lines,
    path_of,
    shown_turns,
    turns_in,
)
from mentra_actors.cli.chat.shown import Line
from mentra_actors.domain.content import (
    AssistantMessage,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.conversation_tree import NO_RESULT, Entry
from mentra_actors.errors import CommandRejected


def conversation():
    """A turn with a call and a steer, one that was broken off, a letter; then another branch."""
    call = ToolCallBlock(call_id="c", name="shell", arguments='{"command":"ls"}')
    result = ToolResultBlock(call_id="c", name="shell", content="a\n```\nb")
    said = [
        (0, UserMessage(text="first")),
        (1, AssistantMessage(blocks=(TextBlock(text="I look."), call))),
        (2, ToolResultsMessage(results=(result,))),
        (3, UserMessage(text="quick", source="steer")),
        (4, AssistantMessage(blocks=(TextBlock(text="Done."),))),
        (5, UserMessage(text="broken off")),
        (6, UserMessage(text="again")),
        (7, AssistantMessage(blocks=(TextBlock(text="Yes."),))),
        (8, UserMessage(text="<team-inbox>hi</team-inbox>", source="mail")),
        (9, AssistantMessage(blocks=(TextBlock(text="Mail."),))),
        (5, UserMessage(text="other way")),
    ]
    kinds = {UserMessage: "user_turn", AssistantMessage: "assistant_turn"}
    return [
        Entry(
            entry_id=n,
            parent=parent,
            kind=kinds.get(type(message), "tool_exchange"),
            message=message,
            keys=("tool-1.0",) if n in (2, 3) else (),
        )
        for n, (parent, message) in enumerate(said, 1)
    ]


def test_turns_begin_with_prompts_and_with_what_comes_at_rest():
    turns = turns_in(path_of(conversation(), 10))

    assert [turn.last for turn in turns] == [5, 6, 8, 10]
    assert [turn.number for turn in turns] == [1, 2, 3, 4]
    assert [turn.last for turn in turns_in(path_of(conversation(), 11))] == [5, 11]
    assert turns_in([]) == []


@pytest.mark.parametrize(("words", "entry"), [("1", 5), ("4", 10), ("#7", 7), ("0", 0), ("#0", 0)])
def test_turns_and_entries_have_names(words, entry):
    entries = conversation()

    assert entry_named(words, entries, path_of(entries, 10)) == entry


@pytest.mark.parametrize("words", ["5", "#12", "x", "-1", "", "#", "²"])
def test_what_is_not_there_is_refused_with_what_is(words):
    entries = conversation()
    with pytest.raises(CommandRejected, match="turns 1 to 4, entries #1 to #11"):
        entry_named(words, entries, path_of(entries, 10))


def test_turns_are_shown_as_they_were():
    turns = turns_in(path_of(conversation(), 10))
    shown = [one.text.plain if isinstance(one, Line) else one.text for one in shown_turns(turns)]

    assert shown[:8] == [
        *("", "» first", "I look.", "→ shell: ls", "  ✓ a ``` b"),
        *("", "» quick", "Done."),
    ]
    assert [one.text.plain for one in history_lines(turns)][1] == "2  broken off  #6"


def test_a_saved_conversation_is_markdown_that_nothing_breaks():
    """A fence in a result does not end the fence around it."""
    text = as_markdown("Title", path_of(conversation(), 5))

    assert text.startswith("# Title\n\n## You\n\nfirst\n\nI look.\n\n**shell**\n\n```json\n")
    assert "````\na\n```\nb\n````" in text


def test_a_call_without_a_result_is_not_shown_as_one_that_failed():
    """It may wait for a person, and has done nothing yet."""
    result = ToolResultBlock(call_id="c", name="shell", content=NO_RESULT, is_error=True)
    message = ToolResultsMessage(results=(result,))
    entry = Entry(entry_id=1, parent=0, kind="tool_exchange", message=message)

    [told] = shown_turns(turns_in([entry]))
    assert told.text.plain == "  … no result yet"
