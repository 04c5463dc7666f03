"""`mentra audit`: who has done what and when, and what was refused; as a file that shows edits."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

import msgspec
import typer

from mentra_actors.cli.audit.audit_file import checked_audit, write_audit
from mentra_actors.cli.audit.audit_masks import masked
from mentra_actors.cli.failures import FAILED
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import OpenStore, opened, until_ctrl_c
from mentra_actors.cli.render.render_audit import AuditLines, is_denial
from mentra_actors.cli.times import unix_time
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, name_of
from projections.hooks.hook_event import HookEvent, kind_of
from projections.hooks.hook_history import HookFold, hook_events
from projections.views.sentence_words import counted

__all__ = ["audit"]

_KINDS = sorted(kind_of(kind) for kind in get_args(HookEvent))
_INDENT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """Positions of the log: `after < position <= through`."""

    after: int = 0
    through: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """Which events are shown; what is empty or None lets everything pass."""

    agent_id: AgentId | None = None
    kinds: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    denied: bool = False

    def lets_pass(self, event: HookEvent) -> bool:
        return (
            self.agent_id in (None, event.agent_id)
            and (not self.kinds or kind_of(event) in self.kinds)
            and (self.since is None or event.recorded_at >= self.since)
            and (self.until is None or event.recorded_at <= self.until)
        )


def audit(
    agent: Annotated[str | None, typer.Option(help="Only of this agent.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only of this kind (run_started); may be repeated.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="From then on: 2026-05-01T12:00, or 90s, 15m, 2h, 3d ago.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Up to then; written the same.")] = None,
    denied: Annotated[
        bool, typer.Option("--denied", help="Only what was refused or did not run.")
    ] = False,
    after: Annotated[int, typer.Option(min=0, help="Begin after this position.")] = 0,
    through: Annotated[int | None, typer.Option(min=0, help="End with this position.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events come.")] = False,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all as JSON lines with a chain of checksums."),
    ] = None,
    append: Annotated[
        bool, typer.Option("--append", help="With --export: go on with the file.")
    ] = False,
    verify: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Say where the chain of a file breaks.")
    ] = None,
    root: Annotated[
        str | None, typer.Option(metavar="SHA256", help="With --verify: the root it must have.")
    ] = None,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Who did what and when: permissions, tools, model calls.

    Refusals and runs too.
    """
    output = Output(as_json=as_json)
    span = _Range(after=after, through=through)
    filters = (agent, kind, since, until, denied, follow)
    _require_one_thing(export, verify, append=append, root=root, filters=filters)
    if verify is not None:
        _verify(output, verify, root)
    elif export is not None:
        _export(output, store, export, span, append=append)
    else:
        with opened(store, team_name) as team:
            wish = _Wish(
                agent_id=None if agent is None else AgentId(name_of(team.agent_stream(agent))),
                kinds=_known_kinds(kind or []),
                since=_moment(since, "--since"),
                until=_moment(until, "--until"),
                denied=denied,
            )
            _show(output, team, wish, span, follow=follow)


def _require_one_thing(
    export: Path | None,
    verify: Path | None,
    *,
    append: bool,
    root: str | None,
    filters: tuple[object, ...],
) -> None:
    if export is not None and verify is not None:
        raise typer.BadParameter("either --export or --verify")
    if (export or verify) and any(filters):
        raise typer.BadParameter(
            "a file has everything of a range of positions: no filters, no --follow"
        )
    if append and export is None:
        raise typer.BadParameter("--append needs --export")
    if root is not None and verify is None:
        raise typer.BadParameter("--root needs --verify")


def _known_kinds(kinds: list[str]) -> tuple[str, ...]:
    for kind in kinds:
        if kind not in _KINDS:
            raise typer.BadParameter(f"no kind is {kind!r}; there are {', '.join(_KINDS)}")
    return tuple(kinds)


def _moment(text: str | None, option: str) -> float | None:
    """Unix seconds. Without a zone it is the time of this machine."""
    if text is None:
        return None
    try:
        return unix_time(text)
    except CommandRejected:
        raise typer.BadParameter(
            f"{option} is a date and time like 2026-05-01T12:00, or 90s, 15m, 2h, 3d: {text!r}"
        ) from None


# --- shown ------------------------------------------------------------------------------------


def _show(output: Output, team: OpenStore, wish: _Wish, span: _Range, *, follow: bool) -> None:
    found, lines = False, AuditLines()
    with until_ctrl_c(follows=follow):
        for event in filter(wish.lets_pass, _events(team, span, follow=follow)):
            fields = masked(event)
            if wish.denied and not is_denial(fields):
                continue
            found = True
            if output.as_json:
                output.json_line(fields)
            else:
                output.show_hanging(lines.line(fields), _INDENT)
    if not found:
        output.remark(f"Nothing of that is told in {team.path}.")


def _events(team: OpenStore, span: _Range, *, follow: bool) -> Iterator[HookEvent]:
    fold, after = HookFold(team.journal), span.after
    for seen in team.ends(follow=follow):
        end = seen if span.through is None else min(span.through, seen)
        yield from hook_events(team.journal, after=after, through=end, fold=fold)
        after = max(after, end)
        if span.through is not None and end >= span.through:
            return


# --- as a file --------------------------------------------------------------------------------


def _export(output: Output, store: Path, path: Path, span: _Range, *, append: bool) -> None:
    if append and span.after:
        raise typer.BadParameter("--append goes on where the file ends: no --after")
    with opened(store) as team, output.spinner(f"Writing {path}"):
        written = write_audit(team, path, after=span.after, through=span.through, append=append)
    if output.as_json:
        output.document(written)
        return
    events = counted(written.events, "event")
    output.show(f"{path} holds {events}, {written.new_events} new, through {written.through}.")
    output.show(f"root {written.root}")


def _verify(output: Output, path: Path, root: str | None) -> None:
    look = checked_audit(path)
    end = look.end
    if not look.fault and root is not None and end is not None and end.root != root.lower():
        look.fault = f"has the root {end.root}, not the one that was named"
    if output.as_json:
        output.document(
            {
                "file": str(path),
                "is_sound": not look.fault,
                "events": look.events,
                "line": look.line if look.fault else None,
                "fault": look.fault,
                "end": None if end is None else msgspec.to_builtins(end),
            }
        )
    elif look.fault:
        output.show(f"{path} is broken: line {look.line} {look.fault}.")
    elif end is not None:
        events = counted(look.events, "event")
        output.show(f"{path} is sound: {events}, through position {end.through}.")
        output.show(f"root {end.root}")
    if look.fault:
        raise typer.Exit(FAILED)
