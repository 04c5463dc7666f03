"""`mentra sessions`: the conversations of a team, to find one again."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from mentra_actors.cli.key_options import chosen_sealing
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import OpenStore, opened
from mentra_actors.cli.render.render_sessions import (
    MATCH_COLUMNS,
    SESSION_COLUMNS,
    match_row,
    session_row,
)
from mentra_actors.cli.writer_look import is_worked_on
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.ids import StreamId
from mentra_actors.runtime.sessions.session_reading import found_sessions, listed_sessions
from mentra_actors.runtime.views.kept_views import KeptViews, open_views
from projections.contract import AnyProjection
from projections.views.session_words import SESSION_WORDS, SessionMatch
from projections.views.sessions import SESSIONS, SessionMetadata

__all__ = ["sessions"]


def sessions(
    search: Annotated[
        str, typer.Option(metavar="WORDS", help="Only those with all of these words.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 20,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """The conversations with leads, the newest first.

    Also while no process has the store open. Words are looked for in titles and in what people
    and models have said.
    """
    output = Output(as_json=as_json)
    wanted = (SESSIONS, SESSION_WORDS) if search else (SESSIONS,)
    with ExitStack() as stack:
        team = stack.enter_context(opened(store))
        views = _caught_up(stack, output, store, wanted)
        is_left = _is_left(team)
        if search:
            found = found_sessions(views, search, DEFAULT_TEAM, is_left=is_left, limit=limit)
            _show_found(output, found)
        else:
            listed = listed_sessions(views, DEFAULT_TEAM, is_left=is_left, limit=limit)
            _show_listed(output, listed)


def _caught_up(
    stack: ExitStack, output: Output, store: Path, wanted: Sequence[AnyProjection]
) -> KeptViews:
    with output.spinner("Reading the log"):
        return stack.enter_context(open_views(store, wanted, sealing=chosen_sealing()))


def _is_left(team: OpenStore) -> Callable[[StreamId], bool]:
    """Where no process writes, none does what is open."""
    is_left = not is_worked_on(team)
    return lambda _stream_id: is_left


def _show_listed(output: Output, listed: Sequence[SessionMetadata]) -> None:
    if output.as_json:
        output.document(listed)
    elif listed:
        rows = [session_row(one) for one in listed]
        output.table("Sessions", SESSION_COLUMNS, rows, wrapped=("title",))
    else:
        output.show("No session was begun yet.")


def _show_found(output: Output, found: Sequence[SessionMatch]) -> None:
    if output.as_json:
        output.document(found)
    elif found:
        rows = [match_row(one) for one in found]
        output.table("Sessions with these words", MATCH_COLUMNS, rows, wrapped=("found in",))
    else:
        output.show("No session has all of these words.")
