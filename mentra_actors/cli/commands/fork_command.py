"""`mentra fork`: go on from a moment of a store, in another way."""

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from mentra_actors.cli.decision_options import By, person
from mentra_actors.cli.event_place import name_and_version
from mentra_actors.cli.given_text import given_text
from mentra_actors.cli.key_options import chosen_sealing
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import OpenStore, opened
from mentra_actors.cli.times import MOMENTS, moment_named
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import CommandRejected
from mentra_actors.runtime.history.branches import Branch
from mentra_actors.runtime.history.edits import Edit
from mentra_actors.runtime.history.history import History
from mentra_actors.runtime.history.open_work import OpenEffect
from mentra_actors.runtime.history.versions import position_of_version
from projections.views.sentence_words import counted

__all__ = ["fork"]

_EDIT_FORM = "message:ENTRY=WORDS, message:end=WORDS, answer:ENTRY=WORDS or result:CALL=WORDS"


def fork(
    first: Annotated[
        str | None,
        typer.Argument(
            metavar="MOMENT", help=f"It is AGENT@VERSION, or {MOMENTS}. Without it: now."
        ),
    ] = None,
    second: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The name of the branch.")
    ] = None,
    label: Annotated[str, typer.Option(help="What it is for, in a line.")] = "",
    agent: Annotated[
        str | None,
        typer.Option(
            help="Whom edits change and --resume wakes; without it: AGENT, or the only lead."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what was open, as after a crash.")
    ] = False,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Another system prompt; @FILE reads it.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Another model, as provider:name.")] = None,
    edit: Annotated[
        list[str] | None, typer.Option(metavar="EDIT", help=f"{_EDIT_FORM}; may be repeated.")
    ] = None,
    workspace: Annotated[
        Path | None, typer.Option(help="The directory that agents work in from there on.")
    ] = None,
    by: By = None,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Make a branch: go on from a moment in another way.

    The store itself stays as it is, and nothing is copied. What was open at that moment is
    answered as interrupted when the branch is opened, so that nothing is done twice: see
    `--resume`.
    """
    output = Output(as_json=as_json)
    if first is None:
        raise CommandRejected("a branch needs a name: mentra fork NAME, or mentra fork 120 NAME")
    moment, name = (None, first) if second is None else (first, second)
    with opened(store, team_name) as team:
        whom = agent or (moment or "").rpartition("@")[0] or None
        edits = _edits(team, whom, system=system, model=model, texts=edit or ())
        history = History(team.reader, team.journal, path=store, sealing=chosen_sealing())
        if agent and not (edits or resume or workspace):
            raise CommandRejected(
                "--agent says whom --edit, --system, --model, --workspace and --resume mean: "
                "give one of them"
            )
        agents = (_name(team, whom),) if whom and (resume or workspace) else ()
        branch = history.fork(
            name,
            at=None if moment is None else _position(team, history, moment),
            label=label,
            agents=agents,
            open_effects="resume" if resume else "interrupted",
            edits=edits,
            workspace=None if workspace is None else workspace.absolute(),
            by=person(by) or "host",
            team=team_name,
        )
    if isinstance(branch, Branch):
        with output.spinner("Looking for what was open"):
            opened_effects = branch.open_effects
        _tell(output, store, branch, opened_effects)


def _position(team: OpenStore, history: History, moment: str) -> int:
    name, version = name_and_version(moment)
    if version is not None:
        return position_of_version(team.journal, team.agent_stream(name), version)
    return moment_named(history, moment).position


def _edits(
    team: OpenStore,
    agent: str | None,
    *,
    system: str | None,
    model: str | None,
    texts: Sequence[str],
) -> list[Edit]:
    if system is None and model is None and not texts:
        return []
    name, edits = _name(team, agent), list[Edit]()
    if model is not None:
        edits.append(Edit.profile(name, model=model))
    if system is not None:
        edits.append(Edit.profile(name, system=given_text(system)))
    return [*edits, *(_edit(name, text) for text in texts)]


def _name(team: OpenStore, agent: str | None) -> str:
    if agent is not None:
        return agent
    leads = [one.name for one in team.members() if not one.lead and not one.is_person]
    if len(leads) != 1:
        raise CommandRejected(
            f"say --agent NAME: the team has {', '.join(leads) or 'nobody'} without a lead"
        )
    return leads[0]


def _edit(agent: str, text: str) -> Edit:
    place, equals, words = text.partition("=")
    kind, _, where = place.partition(":")
    if equals and where:
        if kind == "result":
            return Edit.result(agent, where, words)
        if kind == "message" and where == "end":
            return Edit.message(agent, words)
        if kind in ("message", "answer") and where.isascii() and where.isdecimal():
            make = Edit.message if kind == "message" else Edit.answer
            return make(agent, words, entry=int(where))
    raise CommandRejected(f"--edit {text!r}: say {_EDIT_FORM}")


def _tell(output: Output, store: Path, branch: Branch, left: Sequence[OpenEffect]) -> None:
    record = branch.record
    if output.as_json:
        output.document(
            {**msgspec.to_builtins(branch.info), "open": [msgspec.to_builtins(x) for x in left]}
        )
        return
    output.show(f"The branch {record.name} goes on from position {record.cut:,} of {store}.")
    if record.cut != record.asked:
        output.remark(
            f"Position {record.asked:,} is inside of an append, which is one fact: it ends there."
        )
    for one in record.edits:
        output.remark(f"  edited: {one}")
    if left:
        counts = Counter(one.kind for one in left)
        kinds = ", ".join(counted(number, kind) for kind, number in counts.items())
        what = (
            "goes on when it is opened"
            if record.open_effects == "resume"
            else f"{'was' if record.edits else 'is'} answered as interrupted"
        )
        output.remark(f"What was open there {what}: {kinds}.")
    output.remark(f"mentra chat --store {shlex.quote(str(store))} --branch {record.name}")
