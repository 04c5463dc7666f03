"""Tools that stand for those of a recorded run: models are offered them, nothing is run."""

import json
from collections.abc import Iterable, Mapping, Sequence

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import ToolCallBlock
from mentra_actors.runtime.builtin_tools import all_tools
from mentra_actors.runtime.replay.scripts import RunScript
from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.store.opening import MEMORY
from mentra_actors.tools.contract import Tool, ToolContext, ToolError

__all__ = ["standing_tools"]


def standing_tools(script: RunScript, given: Iterable[Tool]) -> Sequence[Tool]:
    """The tools of the program for a run: those that were given, and one for each other name.

    What a log does not say of a tool, its description and schema, only a given one has.
    """
    known = {tool.name: tool for tool in given}
    own = {tool.name for tool in all_tools(RuntimeSettings(path=MEMORY))}
    for name, inputs in _inputs(script).items():
        if name not in known and name not in own:
            known[name] = _standing(name, inputs)
    return list(known.values())


def _inputs(script: RunScript) -> Mapping[str, set[str]]:
    """Names of tools, each with the names of its arguments, as far as they were used."""
    found: dict[str, set[str]] = {}
    state = script.steps[0].after
    offered = state.profile.tools if state.profile else None
    for name in offered or ():
        found.setdefault(name, set())
    for event in (one.event for one in script.recorded):
        if not isinstance(event, e.ModelReplied):
            continue
        for block in event.blocks:
            if isinstance(block, ToolCallBlock):
                found.setdefault(block.name, set()).update(_names(block.arguments))
    return found


def _names(arguments: str) -> Iterable[str]:
    try:
        told = json.loads(arguments)
    except ValueError:
        return ()
    return told if isinstance(told, dict) else ()


def _standing(name: str, arguments: Iterable[str]) -> Tool:
    schema = {"type": "object", "properties": {one: {} for one in sorted(arguments)}}

    async def run(_arguments: Mapping[str, object], _context: ToolContext) -> str:
        raise ToolError(f"{name} stands for a tool of a recorded run, and cannot be run")

    return Tool(
        name=name,
        description=f"{name}, as it was when this run was recorded.",
        input_schema=json.dumps(schema),
        run=run,
    )
