"""Tools that take arguments of many kinds, and what they say of wrong ones, for tests."""

import json
from typing import Any

from mentra_actors.tools.contract import Tool
from mentra_actors.tools.functions.argument_faults import (
    MAX_TEXT_CHARS,
)


async def nothing(_arguments, _context):
    return ""


def by_hand(schema: Any, name: str = "hand", **changes: Any) -> Tool:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return Tool(name=name, description="", input_schema=text, run=nothing, **changes)


def problems(made: Tool, arguments: Any) -> list[str]:
    """The lines about what is wrong; the frame around them is checked."""
    text = made.faults(arguments)
    if not text:
        return []
    head, frame = f"Invalid arguments for tool '{made.name}': ", "Nothing was run."
    assert text.startswith(head)
    assert text.endswith(frame)
    assert len(text) <= MAX_TEXT_CHARS
    lines = text.removeprefix(head).split("\n")
    if len(lines) == 1:
        return [lines[0].partition(" The tool takes ")[0].removesuffix(".")]
    assert lines[0] == f"{len(lines) - 2} problems"
    assert lines[-1].startswith("The tool takes ")
    assert all(line.startswith("- ") for line in lines[1:-1])
    return [line.removeprefix("- ") for line in lines[1:-1]]
