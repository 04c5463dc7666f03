"""`mentra record`: a run as a file that pytest decides again, in all later releases, too."""

import re
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from mentra_actors.cli.audit.audit_masks import masked_text
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import ConfigurationError, StoreError
from mentra_actors.ids import AgentId, name_of
from mentra_actors.runtime.history.replays import ReplayedAgent
from mentra_actors.runtime.history.replays import record as record_run
from mentra_actors.runtime.replay.recordings import Recording, recording_faults
from projections.views.sentence_words import counted

__all__ = ["record"]

_TEST = '''\
"""A recorded run: what was decided then must be decided now. Made by `mentra record`."""

from pathlib import Path

from mentra_actors.testing.recordings import replay_recording


def test_{name}_is_decided_as_it_was_recorded():
    replay_recording(Path(__file__).with_name("{file}"))
'''


def record(
    agent: Annotated[str, typer.Argument(help="The agent whose run is recorded.")],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A new file; compressed if it ends in .gz.")
    ],
    run: Annotated[
        str | None, typer.Option(metavar="ID", help="Up to the end of this run (run-3).")
    ] = None,
    mask: Annotated[
        bool, typer.Option("--mask", help="Without texts that look like keys, as in `audit`.")
    ] = False,
    with_test: Annotated[
        bool, typer.Option("--test/--no-test", help="Write test_NAME.py beside it.")
    ] = True,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Write a run to a file, and a test that decides it again.

    The file holds all that was said in it.
    """
    output = Output(as_json=as_json)
    if not file.name:
        raise ConfigurationError(f"{file} names no file for the recording")
    name = _name_of(file)
    test = file.with_name(f"test_{name}.py") if with_test else None
    if test is not None and test.exists():
        raise ConfigurationError(f"{test} exists already; name another file, or use --no-test")
    with opened(store, team_name) as team, output.spinner("Writing"):
        one = ReplayedAgent(AgentId(name_of(team.agent_stream(agent))), agent)
        masked = masked_text if mask else None
        recording = record_run(team.reader, team.journal, one, file, run=run, mask=masked)
    if test is not None:
        _write(test, _TEST.format(name=name, file=file.name))
    _tell(output, file, test, recording)


def _tell(output: Output, file: Path, test: Path | None, recording: Recording) -> None:
    found, changed = recording_faults(recording)
    header = recording.header
    if output.as_json:
        same = found.is_same and not changed
        named = {"file": str(file), "test": None if test is None else str(test)}
        output.document({**named, "same": same, **msgspec.to_builtins(header)})
        return
    events = counted(len(recording.recorded), "event")
    calls = counted(len(header.requests), "model call")
    output.show(f"{file} holds {events} of {header.agent}, and knows what {calls} were sent.")
    if test is not None:
        output.show(f"{test} decides it again: run it with pytest.")
    if not header.is_masked:
        output.remark("All that was said is in the file, secrets too: --mask hides keys.")
    if not found.is_same:
        words = f"{counted(len(found.differences), 'append')} would be otherwise today already."
        output.remark(words, style="yellow")


def _name_of(file: Path) -> str:
    """The name of the test: that of the file, in letters, digits and `_`."""
    name = file.name.removesuffix(".gz").removesuffix(".jsonl")
    return re.sub(r"\W+", "_", name).strip("_").lower() or "recording"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
