"""Names of tools are unique, valid for providers, and looked up in words for a model."""

import dataclasses

import pytest

from mentra_actors.errors import InvalidTool
from mentra_actors.tools.contract import PolicyDenied, ToolError
from mentra_actors.tools.decorator import tool
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.registry import ToolRegistry, require_valid_name
from mentra_actors.tools.traits import ToolTraits


@tool
def first(text: str) -> str:
    """Say it."""
    return text


@tool
def second() -> str:
    """Say nothing."""
    return ""


def test_two_tools_of_one_name_are_refused():
    """Silently losing one of two tools is found out by users, weeks later."""
    with pytest.raises(InvalidTool, match="two tools are named 'first'"):
        ToolRegistry([first, second, first])


def test_an_undecorated_function_is_refused():
    """Forgetting the decorator is the commonest mistake, and the message has the cure."""
    with pytest.raises(InvalidTool, match="decorate the function with @tool"):
        ToolRegistry([len])  # type: ignore[list-item]


def test_an_unknown_tool_is_told_to_the_model():
    """A model that invents a name must hear it and go on, not end the run."""
    with pytest.raises(ToolError, match=r"^Tool not found$"):
        ToolRegistry([first]).find("frist")


def test_specs_keep_order_and_hide_what_is_not_allowed():
    """The order of tools is part of a cached prompt; a hidden tool must not be offered."""
    reader = dataclasses.replace(first, traits=ToolTraits(side_effects="none"))
    policy = RuntimePolicy(is_read_only=True, base_dir_access="read")

    assert [spec.name for spec in ToolRegistry([second, first]).specs()] == ["second", "first"]
    narrow = ToolRegistry([second, reader], policy=policy)
    assert [spec.name for spec in narrow.specs()] == ["first"]
    assert narrow.find("second") is second
    with pytest.raises(PolicyDenied, match="lets nothing change"):
        narrow.require_allowed(second)


def test_a_registry_is_a_mapping_that_never_changes():
    """Agents share one registry between threads, so adding makes another one."""
    registry = ToolRegistry([first])
    larger = registry.including(second)

    assert (list(registry), list(larger)) == (["first"], ["first", "second"])
    assert larger["second"] is larger.find("second") is second
    with pytest.raises(TypeError):
        registry["second"] = second  # type: ignore[index]


@pytest.mark.parametrize("name", ["", "two words", "a.b", "ä", "x" * 65, "line\n"])
def test_a_name_that_some_provider_refuses_is_refused_at_once(name):
    """Such a name would fail each request, far from the line that chose it."""
    with pytest.raises(InvalidTool, match="64 ASCII"):
        require_valid_name(name)
