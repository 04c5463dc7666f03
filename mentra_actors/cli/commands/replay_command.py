"""`mentra replay`: a log decided again, runs that are run again, and a walk event by event."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from mentra_actors.cli.failures import FAILED
from mentra_actors.cli.given_text import given_text
from mentra_actors.cli.model_choice import require_usable
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import OpenStore, opened
from mentra_actors.cli.render.render_replay import (
    replay_document,
    show_replay,
    show_table,
    show_team_replay,
    show_verification,
)
from mentra_actors.cli.replay_steps import StepByStep
from mentra_actors.cli.signed_in import signed_in_providers
from mentra_actors.demo.offline_model import OfflineModel
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, StreamId, name_of
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.port import ModelProvider
from mentra_actors.runtime.history.history import History
from mentra_actors.runtime.history.replays import (
    Replay,
    ReplayChoices,
    ReplayedAgent,
    ReplayRow,
    replay_all,
    verify,
)
from mentra_actors.runtime.history.replays import replay as replay_run
from mentra_actors.runtime.replay.recordings import read_recording, recording_faults
from mentra_actors.runtime.replay.releases import ReleasesOfLog
from mentra_actors.runtime.replay.run_choice import chosen_run
from mentra_actors.runtime.replay.stream_groups import agent_events
from mentra_actors.runtime.replay.walk import Step, steps_of

__all__ = ["replay"]

_FINISHED = "finished"
_APART = {
    "--recording": ("AGENT", "--run", "--from", "--all", "--play", "--step"),
    "--step": ("--play", "--all", "--run", "--from"),
    "--play": ("--all", "--run", "--from"),
    "--all": ("--run",),
}
_MEANINGS = {
    "--recording": "a file is decided again, and nothing of a store",
    "--step": "the log is walked through, and nothing is run",
    "--play": "the whole team is played, and no model is asked",
    "--all": "all ended runs are run again",
}


def replay(
    agent: Annotated[
        str | None, typer.Argument(help="An agent; without it: the log of all of them.")
    ] = None,
    run: Annotated[
        str | None, typer.Option(metavar="ID", help="Run this run again (run-3, lead/run-3).")
    ] = None,
    live_from: Annotated[
        int | None,
        typer.Option(
            "--from", min=1, metavar="K", help="Make the K-th model call of the run, and go on."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="provider:name", help="With --from: ask this model.")
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="With --from: another system prompt; @FILE reads it."),
    ] = None,
    all_runs: Annotated[
        bool, typer.Option("--all", help="All ended runs, as a table of what is another now.")
    ] = False,
    play: Annotated[
        bool,
        typer.Option("--play", help="The whole team, played by the runtime in recorded order."),
    ] = False,
    step: Annotated[
        bool, typer.Option("--step", help="Walk through the log, append by append.")
    ] = False,
    recording: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Decide a file of `mentra record` again.")
    ] = None,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Decide a log again with the code of today.

    Or run a recorded run again; nothing is written. Without options no model is asked and no
    tool is run. The exit code is 1 if anything is decided otherwise than it was recorded, but
    for what a release since then is known to, and if a run that goes on live does not finish.
    """
    output = Output(as_json=as_json)
    _require_apart(
        {
            "--recording": recording is not None,
            "--step": step,
            "--play": play,
            "--all": all_runs,
            "--run": run is not None,
            "--from": live_from is not None,
            "AGENT": agent is not None,
        }
    )
    if recording is not None:
        _decide_file(output, recording)
        return
    choices = _choices(live_from, model, system)
    with opened(store, team_name) as team:
        stream_id = None if agent is None else team.agent_stream(agent)
        if step:
            StepByStep(output, _steps(team, stream_id)).walk()
        elif play:
            _play_all(output, team, agent)
        elif all_runs:
            _run_all(output, team, stream_id, choices)
        elif run is not None or live_from is not None:
            _run_again(output, team, stream_id, run, choices)
        else:
            _decide_again(output, team, stream_id)


def _require_apart(given: Mapping[str, bool]) -> None:
    """Refuse two options of which one would say nothing.

    Raises:
        CommandRejected: it names both.
    """
    for one, others in _APART.items():
        for other in others:
            if given[one] and given[other]:
                raise CommandRejected(
                    f"{one} and {other} exclude each other: {_MEANINGS[one]}; leave one out"
                )


def _steps(team: OpenStore, stream_id: StreamId | None) -> Iterator[Step]:
    if stream_id is None:
        return steps_of(team.journal.through())
    told = agent_events(team.reader, team.journal, [AgentId(name_of(stream_id))])
    return steps_of(told, streams={stream_id}, release_of=ReleasesOfLog(team.journal))


def _choices(live_from: int | None, model: str | None, system: str | None) -> ReplayChoices:
    if live_from is None and (model is not None or system is not None):
        raise CommandRejected(
            "nothing is asked of a model without --from: --from 1 is the first call of the run"
        )
    if model is not None:
        require_usable(model, with_login=True)
    if live_from is None:
        return {}
    providers: list[ModelProvider] = [OfflineModel(), *signed_in_providers()]
    prompt = None if system is None else given_text(system)
    return {"live_from": live_from, "model": model, "system": prompt, "providers": providers}


def _require_recorded_model(
    team: OpenStore, stream_id: StreamId, run: str | None, live_from: int
) -> None:
    """Check that the model which the agent had at a call of the run can be asked here, too."""
    name = name_of(stream_id)
    script = chosen_run(team.reader, team.journal, AgentId(name), name, run)
    profile = script.steps[script.step_of_call(live_from)].before.profile
    if profile is not None:
        require_usable(profile.model, with_login=True)


def _decide_again(output: Output, team: OpenStore, stream_id: StreamId | None) -> None:
    agent = None if stream_id is None else _agent_of(stream_id)
    with output.spinner("Deciding the log again"):
        found = verify(team.reader, team.journal, agent)
    if output.as_json:
        output.document({"same": found.is_same, **msgspec.to_builtins(found)})
    else:
        show_verification(output, found)
    _exit(is_same=found.is_same)


def _play_all(output: Output, team: OpenStore, agent: str | None) -> None:
    if agent is not None:
        raise CommandRejected(
            f"--play means the whole team: for the last run of one agent say --run, "
            f"as in mentra replay {agent} --run run-1"
        )
    with output.spinner("Playing the log again"):
        found = History(team.reader, team.journal).replay_team()
    if output.as_json:
        output.document({"same": found.is_same, **msgspec.to_builtins(found)})
    else:
        show_team_replay(output, found)
    _exit(is_same=found.is_same)


def _decide_file(output: Output, file: Path) -> None:
    recording = read_recording(file)
    found, requests = recording_faults(recording)
    is_same = found.is_same and not requests
    if output.as_json:
        document: JsonObject = msgspec.to_builtins(found)
        output.document({"same": is_same, **document, "requests": list(requests)})
    else:
        show_verification(output, found, requests)
    _exit(is_same=is_same)


def _run_again(
    output: Output,
    team: OpenStore,
    stream_id: StreamId | None,
    run: str | None,
    choices: ReplayChoices,
) -> None:
    if stream_id is None:
        raise CommandRejected("name the agent whose run is to be run again")
    live_from = choices.get("live_from")
    if live_from is not None and choices.get("model") is None:
        _require_recorded_model(team, stream_id, run, live_from)
    agent = _agent_of(stream_id)
    with output.spinner("Running it again"):
        found = replay_run(team.reader, team.journal, agent, run, choices)
    if output.as_json:
        output.document(replay_document(found))
    else:
        show_replay(output, found)
    if found.live_from:
        _exit(is_same=found.now.ended == _FINISHED)
    else:
        _exit(is_same=found.is_same or _is_as_known(found))


def _agent_of(stream_id: StreamId) -> ReplayedAgent:
    return ReplayedAgent(AgentId(name_of(stream_id)), name_of(stream_id))


def _is_as_known(found: Replay) -> bool:
    """Whether the events are others only because an older release has recorded them."""
    return bool(found.known) and not found.differences and found.first_other is None


def _run_all(
    output: Output, team: OpenStore, stream_id: StreamId | None, choices: ReplayChoices
) -> None:
    wanted = [one.agent_id for one in team.members()]
    agents = list(wanted) if stream_id is None else [AgentId(name_of(stream_id))]
    with output.spinner("Running them again"):
        rows = replay_all(team.reader, team.journal, agents, choices)
    if output.as_json:
        output.document({"runs": msgspec.to_builtins(rows)})
    else:
        show_table(output, rows)
    _exit(is_same=all(map(_is_well, rows)))


def _is_well(row: ReplayRow) -> bool:
    """Whether a run of the table is decided as it was, and has finished if it went on live."""
    is_over = not row.live_from or row.ended == _FINISHED
    return is_over and not row.decisions and not row.problem


def _exit(*, is_same: bool) -> None:
    if not is_same:
        raise typer.Exit(FAILED)
