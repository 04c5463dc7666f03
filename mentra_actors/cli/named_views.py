"""Views by the names that people use for them on a command line, as documents for programs."""

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from mentra_actors.cli.named_projections import projection_named
from mentra_actors.cli.render.render_board import task_document
from mentra_actors.cli.render.render_team import agent_document
from mentra_actors.cli.render.render_transcript import item_document
from mentra_actors.cli.render.render_usage import usage_document
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import StreamId, TeamId, board_stream
from projections.contract import AnyProjection
from projections.views.built_in import BUILT_IN
from projections.views.roster import ROSTER, team_roster
from projections.views.task_board import TASK_BOARD, BoardView
from projections.views.transcript import TRANSCRIPT, items_of_pages, transcript_prefix
from projections.views.usage import USAGE, AgentUsage, team_usage

__all__ = ["VIEW_NAMES", "NamedView", "loaded", "named_view"]

VIEW_NAMES = ("board", "roster", "transcript", "usage")
_FORM = "a Python object is named like package.module:NAME"


class NamedView(NamedTuple):
    """A view to look at: of which projection, which part (None: all), and what is shown of it."""

    projection: AnyProjection
    key: str | None
    document: Callable[[Any], Any]


def named_view(name: str, team: TeamId, stream_id: StreamId | None = None) -> NamedView:
    """One of `VIEW_NAMES`, any built-in projection by its name, or `package.module:PROJECTION`.

    `stream_id` is the agent whose transcript or usage is meant.

    Raises:
        CommandRejected: there is no such view, or it needs an agent.
    """
    match name:
        case "board":
            return NamedView(TASK_BOARD, board_stream(team), _board)
        case "roster":
            return NamedView(ROSTER, None, lambda parts: _roster(parts, team))
        case "transcript":
            if stream_id is None:
                raise CommandRejected("whose transcript? Name an agent: --agent NAME")
            prefix = transcript_prefix(stream_id)
            return NamedView(TRANSCRIPT, None, lambda parts: _transcript(parts, prefix))
        case "usage" if stream_id is not None:
            return NamedView(USAGE, stream_id, _usage)
        case "usage":
            return NamedView(USAGE, None, lambda parts: _usage(team_usage(parts, team)))
    built_in = {one.name: one for one in BUILT_IN}
    if name in built_in:
        return NamedView(built_in[name], None, _plain)
    if ":" not in name:
        known = ", ".join(dict.fromkeys((*VIEW_NAMES, *built_in)))
        raise CommandRejected(
            f"no view is named {name!r}: there are {known}, and your own ({_FORM})"
        )
    return NamedView(projection_named(name), None, _plain)


def loaded(name: str) -> Any:
    """The object that `package.module:NAME` means, also of a module in the present directory.

    Raises:
        CommandRejected: there is none; importing runs the module.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise CommandRejected(f"{name!r} names nothing: {_FORM}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise CommandRejected(f"{name} cannot be loaded: {error}") from error


def _board(view: BoardView) -> object:
    return [task_document(task, view) for task in view.tasks]


def _roster(parts: Mapping[str, Any], team: TeamId) -> object:
    return [agent_document(member) for member in team_roster(parts.get, team)]


def _transcript(parts: Mapping[str, Any], prefix: str) -> Any:
    pages = {key: page for key, page in parts.items() if key.startswith(prefix)}
    return [item_document(item) for item in items_of_pages(pages)]


def _usage(part: object) -> object:
    return usage_document(part.total if isinstance(part, AgentUsage) else AgentUsage().total)


def _plain(value: object) -> object:
    return msgspec.to_builtins(value, str_keys=True)
