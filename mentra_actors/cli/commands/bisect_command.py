"""`mentra bisect`: the event that made something true."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.text import Text

from mentra_actors.cli.named_views import NamedView, loaded, named_view
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render.render_differences import difference_lines
from mentra_actors.cli.render.render_log import event_document, event_line
from mentra_actors.cli.times import moment_named
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import CommandRejected, MentraError
from mentra_actors.ids import TeamId
from mentra_actors.late_module import LateModule
from mentra_actors.runtime.history.bisection import TurningPoint
from mentra_actors.runtime.history.history import History, history_beside
from projections.views.view_differences import Difference, differences

if TYPE_CHECKING:
    import jmespath.exceptions
else:
    jmespath = LateModule("jmespath")

__all__ = ["bisect"]

_MOST_LINES = 20


def bisect(
    view: Annotated[
        str, typer.Option(help="What is looked at: board, roster, transcript, usage, module:NAME.")
    ] = "",
    where: Annotated[
        str, typer.Option(help="A JMESPath expression over the view as `mentra at --json` has it.")
    ] = "",
    python: Annotated[
        str,
        typer.Option(help="A function, module:name, of the view; without --view of a `Moment`."),
    ] = "",
    agent: Annotated[str, typer.Option(help="Whose transcript or usage.")] = "",
    good: Annotated[str, typer.Option(help="A moment at which it is not true yet.")] = "0",
    bad: Annotated[str, typer.Option(help="A moment at which it is true.")] = "now",
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Find the event that made something true.

    It takes few looks at the past. It must be false at --good and true at --bad; if it turned
    several times, one of the turns is found. An expression is true if it gives anything but null,
    false, nothing or an empty list: `--view board --where "[?status=='completed'] | [2]"`.
    """
    output = Output(as_json=as_json)
    with ExitStack() as stack:
        team = stack.enter_context(opened(store, team_name))
        stack.enter_context(output.spinner("Folding the log"))
        stream_id = team.agent_stream(agent) if agent else None
        chosen = named_view(view, TeamId(team_name), stream_id) if view else None
        history = stack.enter_context(history_beside(team.reader, team.journal, store))
        ends = moment_named(history, good).position, moment_named(history, bad).position
        found = _found(history, chosen, _predicate(where, python, chosen), ends)
        changes = () if chosen is None else _changes(chosen, found)
        cause = found.event.causation
    if as_json:
        document = {"position": found.position, "looks": found.looks, "cause": cause}
        output.document({**document, "event": event_document(found.event), "changes": changes})
        return
    output.show_line(
        Text(f"Position {found.position} made it true ({found.looks} looks).", "bold")
    )
    output.show_line(event_line(found.event, with_stream=True))
    if cause:
        output.show_line(Text.assemble(("because of  ", "dim"), cause))
    if changes:
        output.show(Text())
    for line, indent in list(difference_lines(changes))[:_MOST_LINES]:
        output.show_hanging(line, indent)
    if len(changes) > _MOST_LINES:
        output.remark(f"{len(changes) - _MOST_LINES} more places differ; --json has all.")


def _found(
    history: History,
    chosen: NamedView | None,
    predicate: Callable[[Any], object],
    ends: tuple[int, int],
) -> TurningPoint[Any]:
    good, bad = ends
    if chosen is None:
        return history.bisect(predicate, good=good, bad=bad)
    return history.bisect(predicate, view=chosen.projection, key=chosen.key, good=good, bad=bad)


def _predicate(where: str, python: str, chosen: NamedView | None) -> Callable[[Any], object]:
    if bool(where) == bool(python):
        raise typer.BadParameter("say what is to be true: either --where or --python")
    if python:
        function: Callable[[Any], object] = loaded(python)
        if not callable(function):
            raise CommandRejected(f"{python} is no function")
        return _told_of_errors(python, function)
    if chosen is None:
        raise typer.BadParameter("--where is asked about a view: say which, --view NAME")
    try:
        expression = jmespath.compile(where)
    except jmespath.exceptions.JMESPathError as error:
        raise CommandRejected(f"--where is no JMESPath expression: {error}") from error

    def holds(value: object) -> object:
        try:
            return expression.search(_plain(chosen.document(value)))
        except (jmespath.exceptions.JMESPathError, TypeError, ValueError) as error:
            raise CommandRejected(f"--where cannot be asked about this view: {error}") from error

    return holds


def _told_of_errors(name: str, function: Callable[[Any], object]) -> Callable[[Any], object]:
    """The function; what it raises becomes a refusal that names it."""

    def holds(value: object) -> object:
        try:
            return bool(function(value))
        except MentraError:
            raise
        except Exception as error:
            raise CommandRejected(f"{name} raised {type(error).__name__}: {error}") from error

    return holds


def _changes(chosen: NamedView, found: TurningPoint[Any]) -> tuple[Difference, ...]:
    return differences(chosen.document(found.before), chosen.document(found.after))


def _plain(document: object) -> Any:
    return msgspec.to_builtins(document, str_keys=True)
