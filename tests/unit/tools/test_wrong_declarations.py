"""What a tool declares is of the right kind, or it is no tool: found when it is made."""

from dataclasses import replace

import pytest

from mentra_actors import file_tools, tool
from mentra_actors.errors import InvalidTool
from mentra_actors.tools.registry import ToolRegistry


def pay(euros: int) -> str:
    """Pay."""
    return f"paid {euros}"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preview": "x"}, "preview is a function, not 'x'"),
        ({"compensate": "x"}, "compensate is a function, not 'x'"),
        ({"parallel": "yes"}, "parallel is True, False or a function, not 'yes'"),
        ({"timeout_s": "3"}, "timeout_s is a number of seconds above 0 or None, not '3'"),
        ({"timeout_s": True}, "timeout_s is a number of seconds"),
    ],
    ids=str,
)
def test_a_wrong_option_is_refused_with_its_name(options, words):
    with pytest.raises(InvalidTool, match=words):
        tool(**options)(pay)


@pytest.mark.parametrize("word", ["filesystem_write", "process_exec", "delegation"])
def test_a_capability_that_is_nearly_a_known_one_is_taken_for_a_slip(word):
    """A policy hides tools by these words: one with a typo would be offered."""
    slip = word.replace("ti", "it").replace("ss", "s").replace("ri", "ir")
    with pytest.raises(InvalidTool, match=f"'{slip}' is not known; is it '{word}'"):
        ToolRegistry([tool(capabilities=[slip])(pay)])


def test_a_word_of_your_own_is_a_capability():
    words = ["payments", "file_index", "filesystem_read"]
    assert ToolRegistry([tool(capabilities=words)(pay)]).offered == ("pay",)


@pytest.mark.parametrize(
    "changes",
    [{"preview": "x"}, {"compensate": 1}, {"is_parallel": True}, {"run": None}, {"check": "x"}],
    ids=str,
)
def test_a_tool_by_hand_is_held_to_the_same(changes):
    [name] = changes
    with pytest.raises(InvalidTool, match=f"'pay': {name} is a function"):
        ToolRegistry([replace(tool(pay), **changes)])


def test_a_list_of_tools_in_the_list_is_told_in_a_line(tmp_path):
    """A whole tool with its schema is some thousands of characters."""
    with pytest.raises(InvalidTool) as told:
        ToolRegistry([file_tools(tmp_path)])
    assert str(told.value) == "a list is not a tool; put the tools in it one by one: [*tools]"
    with pytest.raises(InvalidTool) as told:
        ToolRegistry(["x" * 5000])
    assert len(str(told.value)) < 120
