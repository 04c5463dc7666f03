"""What a tool declares of itself fits together, or the tool is refused."""

import dataclasses

import pytest

from mentra_actors.errors import InvalidTool
from mentra_actors.tools.contract import Tool, ToolError
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.registry import require_tool
from mentra_actors.tools.traits import ToolTraits


def declared(**options):
    """A tool that declares this, and whether it could be registered."""

    @tool(name="t", **options)
    def does(text: str = "") -> str:
        """Do."""
        return text

    return require_tool(does)


def test_a_tool_that_declares_nothing_may_change_anything():
    """The safe guess about a function that nobody has described."""
    made = declared()

    assert made.traits == ToolTraits()
    assert (made.traits.side_effects, made.traits.changes_nothing) == ("external", False)
    assert (made.terminal, made.spec.is_deferred, made.spec.strict) == (False, False, None)


def test_what_is_declared_is_on_the_tool():
    made = declared(
        capabilities=["filesystem_write", "my_capability"],
        side_effects="local_state",
        durability="persistent",
        approval="filesystem",
        terminal=True,
        deferred=True,
        strict=False,
    )

    assert made.traits == ToolTraits(
        capabilities=("filesystem_write", "my_capability"),
        side_effects="local_state",
        durability="persistent",
        approval="filesystem",
    )
    assert (made.terminal, made.spec.is_deferred, made.spec.strict) == (True, True, False)


@pytest.mark.parametrize(
    ("side_effects", "retry", "meant"),
    [("none", None, "safe"), ("none", "never", "never"), ("external", None, "never")],
)
def test_a_tool_that_only_looks_may_look_again_unless_it_says_no(side_effects, retry, meant):
    assert declared(side_effects=side_effects, retry=retry).retry == meant


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"side_effects": "none", "capabilities": ["process_exec"]}, "can process_exec"),
        ({"side_effects": "none", "capabilities": ["delegation"]}, "can delegation"),
        ({"side_effects": "none", "compensate": lambda _call: None}, "nothing to undo"),
        ({"capabilities": ["read_only"]}, "declared read_only"),
        ({"side_effects": "process", "approval": "read_only"}, "declared read_only"),
        ({"terminal": True, "parallel": True}, "cannot run beside other calls"),
        ({"side_effects": "some"}, "'some' is not one of"),
        ({"durability": "replay_safe"}, "'replay_safe' is not one of"),
        ({"approval": ""}, "'' is not one of"),
        ({"capabilities": ["Read Files"]}, "is a word"),
        ({"capabilities": [""]}, "is a word"),
        ({"capabilities": ["ärger"]}, "is a word"),
        ({"capabilities": [7]}, "is a word"),
        ({"capabilities": "process_exec"}, "not one string"),
    ],
)
def test_what_contradicts_itself_is_refused(options, words):
    """An authorizer may go by any part of a declaration, so all of them must be true together."""
    with pytest.raises(InvalidTool, match=words):
        declared(**options)


def test_a_tool_by_hand_is_held_to_the_same():
    by_hand = Tool(name="t", description="", input_schema='{"type":"object"}', run=declared().run)

    assert require_tool(by_hand) is by_hand
    traits = ToolTraits(capabilities=("task_mutation",), side_effects="none")
    with pytest.raises(InvalidTool, match="can task_mutation"):
        require_tool(dataclasses.replace(by_hand, traits=traits))
    with pytest.raises(InvalidTool, match="cannot run beside"):
        require_tool(dataclasses.replace(by_hand, terminal=True, is_parallel=lambda _one: True))


def test_a_tool_that_ends_the_run_may_leave_its_lane_to_its_calls():
    """Then it is never run beside others, whatever it answers."""
    by_call = declared(terminal=True, parallel=lambda arguments: bool(arguments["text"]))

    assert by_call.terminal


# --- what the program gives to its tools ------------------------------------------------------


class Database:
    pass


class Cached(Database):
    pass


class Fast(Database):
    pass


def test_an_object_of_the_program_is_found_by_its_type_or_a_base_of_it(make_context):
    cached, number = Cached(), 7
    context = make_context(application={Cached: cached, int: number})

    assert context.app(Cached) is context.app(Database) is cached
    assert context.app(int) == 7
    with pytest.raises(ToolError, match="no Fast"):
        context.app(Fast)


def test_the_very_type_comes_before_subclasses_and_of_several_none_is_guessed(make_context):
    plain, cached, fast = Database(), Cached(), Fast()
    known = {Cached: cached, Fast: fast}

    assert make_context(application={**known, Database: plain}).app(Database) is plain
    with pytest.raises(ToolError, match="several kinds of Database: Cached, Fast"):
        make_context(application=known).app(Database)
    with pytest.raises(ToolError, match="no object"):
        make_context().app(object)
