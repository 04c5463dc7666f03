"""`mentra project`: any view of a store, also a user's own: now, as it was, as it changes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from mentra_actors.cli.fold_progress import fold_progress
from mentra_actors.cli.named_projections import first_sentence, projection_named
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import OpenStore, opened, until_ctrl_c
from mentra_actors.cli.render.render_parts import change_line, part_lines, plain_rows
from mentra_actors.cli.times import MOMENTS, position_in
from mentra_actors.errors import CommandRejected
from mentra_actors.runtime.views.feeds import Cursor
from mentra_actors.runtime.views.kept_views import KeptViews, views_on_demand
from mentra_actors.runtime.views.store_watch import watched
from mentra_actors.runtime.views.view_reading import folded_through
from projections.contract import AnyProjection, ProjectionFailed
from projections.running.runner import ProjectionStatus
from projections.running.view_changes import ViewChange, ViewFailed, ViewSnapshot
from projections.sql_projection import SqlProjection
from projections.views.built_in import BUILT_IN
from projections.views.selected import only

__all__ = ["project"]


def project(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="A built-in view, or one of yours by module:name; without it: which there are.",
        ),
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="Only parts whose keys begin so; may be repeated.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="MOMENT", help=f"As of a moment: {MOMENTS}.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what changes.")
    ] = False,
    after: Annotated[
        int | None, typer.Option(min=0, help="With --follow: only what has changed since.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the view, so that the next look is quick.")
    ] = False,
    into: Annotated[
        str, typer.Option(metavar="DATABASE", help="Keep it in sqlite:FILE or postgresql://….")
    ] = "",
    status: Annotated[bool, typer.Option("--status", help="How far what is kept is.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make what is kept anew.")] = False,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Any view, also your own: now, as it was, as it changes."""
    output = Output(as_json=as_json)
    wish = _Wish(output, store, [projection_named(name) for name in names or ()], key or (), into)
    _check(at=at, follow=follow, after=after, keeps=keep or bool(into) or rebuild or status)
    with opened(store) as team:
        if follow:
            wish.follow(team, after)
        elif status:
            wish.show_status(team)
        elif not wish.projections:
            wish.show_names()
        elif keep or into or rebuild or wish.writes_rows():
            wish.show_kept(team, rebuilds=rebuild)
        else:
            wish.show_folded(team, position_in(team, "now" if at is None else at))


def _check(*, at: str | None, follow: bool, after: int | None, keeps: bool) -> None:
    if at is not None and (follow or keeps):
        raise CommandRejected("--at is a moment of the past: nothing of it is kept or followed")
    if after is not None and not follow:
        raise CommandRejected("--after says where --follow begins")
    if follow and keeps:
        raise CommandRejected("--follow keeps nothing: leave --keep, --into and --rebuild out")


class _Wish:
    """Which views, and how they are to be shown."""

    def __init__(
        self,
        output: Output,
        store: Path,
        projections: Sequence[AnyProjection],
        prefixes: Sequence[str],
        into: str,
    ) -> None:
        self.output = output
        self.store = store
        self.projections = projections
        self.prefixes = prefixes
        self.into = into

    def writes_rows(self) -> bool:
        return any(isinstance(one, SqlProjection) for one in self.projections)

    def show_names(self) -> None:
        """The views that every store has."""
        if self.output.as_json:
            rows = [{"name": one.name, "about": first_sentence(one)} for one in BUILT_IN]
            self.output.document(rows)
            return
        lines = [[Text(one.name), Text(first_sentence(one))] for one in BUILT_IN]
        self.output.table("Views", ("name", "what is in it"), lines, wrapped=("what is in it",))

    def show_folded(self, team: OpenStore, position: int) -> None:
        """Views that are folded for this, and kept nowhere."""
        with fold_progress(self.output, "Folding the log") as on_folded:
            views = folded_through(team.reader, self._chosen(), position, on_folded)
        self._show(views, position)

    def show_kept(self, team: OpenStore, *, rebuilds: bool) -> None:
        """Views that are kept, carried on to the end of the log."""
        if self.writes_rows() and not self.into:
            raise CommandRejected("it writes rows: say --into sqlite:FILE or postgresql://…")
        with views_on_demand(team.reader, self.store, self.projections, into=self.into) as kept:
            with fold_progress(self.output, "Keeping the view") as on_folded:
                kept.catch_up(progress=on_folded)
                for one in self.projections if rebuilds else ():
                    kept.rebuild(one, progress=on_folded)
            failures = [one for one in kept.status() if one.failure]
            if self.writes_rows():
                self._show_status(kept.status())
            else:
                views = {one.name: self._parts(kept, one) for one in self.projections}
                self._show(views, min(one.checkpoint for one in kept.status()))
        for failed in failures:
            raise ProjectionFailed(
                failed.name, position=failed.failed_position, cause=failed.failure
            )

    def show_status(self, team: OpenStore) -> None:
        """How far the views are that are kept."""
        named = self.projections or BUILT_IN
        with views_on_demand(team.reader, self.store, named, into=self.into) as kept:
            self._show_status([one for one in kept.status() if self.projections or one.checkpoint])

    def follow(self, team: OpenStore, after: int | None) -> None:
        """The feed of the views, until Ctrl-C."""
        last = team.reader.last_position()
        if after is not None and after > last:
            raise CommandRejected(f"the log has positions 0 to {last}; --after {after} is to come")
        place = None if after is None else Cursor(after)
        with until_ctrl_c(follows=True):
            for item in watched(team.reader, self.store, *self._chosen(), after=place):
                if self.output.as_json:
                    self.output.json_line(item.event)
                else:
                    self._show_event(item.event)

    def _show_event(self, event: object) -> None:
        match event:
            case ViewSnapshot(position=position, views=views):
                for view, parts in views.items():
                    for key, part in parts.items():
                        self.output.show_line(change_line(position, view, key, part))
            case ViewChange():
                line = change_line(event.position, event.view, event.key, event.part)
                self.output.show_line(line)
            case ViewFailed(view=view, position=position, cause=cause):
                self.output.remark(f"{view} has stopped before {position}: {cause}", "red")
            case _:
                pass

    def _chosen(self) -> Sequence[AnyProjection]:
        if not self.prefixes:
            return self.projections
        return [only(one, *self.prefixes) for one in self.projections]

    def _parts(self, kept: KeptViews, one: AnyProjection) -> Mapping[str, object]:
        found: dict[str, object] = {}
        for prefix in self.prefixes or ("",):
            found |= kept.parts(one, prefix)
        return found

    def _show(self, views: Mapping[str, Mapping[str, object]], position: int) -> None:
        if self.output.as_json:
            self.output.document({"position": position, "views": views})
            return
        for name, parts in views.items():
            rows = plain_rows(parts)
            if not parts:
                self.output.show(Text(f"{name}: nothing yet", style="dim"))
            elif rows is not None:
                self.output.table(f"{name} at {position:,}", ("key", name), rows)
            else:
                for key, part in parts.items():
                    for line, indent in part_lines(key, part):
                        self.output.show_hanging(line, indent)

    def _show_status(self, statuses: Sequence[ProjectionStatus]) -> None:
        if self.output.as_json:
            self.output.document(statuses)
        elif not statuses:
            self.output.show("No view is kept here yet; --keep keeps one.")
        else:
            self.output.table("Kept views", _STATUS_HEADS, [_status_row(one) for one in statuses])


_STATUS_HEADS = ("view", "version", "position", "behind", "seconds", "state")


def _status_row(one: ProjectionStatus) -> Sequence[Text]:
    state, style = "up to date", "green"
    if one.failure:
        state, style = f"stopped before {one.failed_position}: {one.failure}", "red"
    elif one.is_rebuilding:
        state, style = "is made anew", "yellow"
    elif one.lag:
        state, style = "behind", "yellow"
    figures = (one.version, one.checkpoint, one.lag, round(one.lag_s))
    return [
        Text(one.name),
        *(Text(f"{figure:,}", justify="right") for figure in figures),
        Text(state, style=style),
    ]
