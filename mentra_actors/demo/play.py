"""The play of `mentra demo`: a worker runs the team, is killed in the middle, and starts again.

This process only reads the store. Everything that it tells afterwards comes from the log.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.demo.findings import Findings, findings_in
from mentra_actors.demo.report import REPORT_FILE
from mentra_actors.demo.survey_plan import LEAD
from mentra_actors.demo.survey_tools import NOTICES_FILE
from mentra_actors.demo.team import DemoOutcome
from mentra_actors.demo.watch import DemoWatch, StartedEffect
from mentra_actors.demo.worker import WorkerFailure
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import StoreError, StoreNotFound
from mentra_actors.ids import AgentId, EffectId, inbox_stream, name_of
from mentra_actors.store.embedded.reader import LmdbJournalReader
from mentra_actors.store.journal import Journal
from projections.views.timeline import TimelineLine

__all__ = [
    "DemoResult",
    "DemoSettings",
    "Kill",
    "OnChange",
    "Phase",
    "Recovery",
    "RunPlace",
    "new_place",
    "play",
]

Phase: TypeAlias = Literal["first life", "killed", "second life", "ended"]
OnChange: TypeAlias = Callable[[Phase, DemoWatch], None]
"""Called on the thread of `play`, after every change of the log and a few times a second."""

_LOOK_S = 0.1
_STORE_APPEARS_S = 0.02
_CERTAIN_AFTER_TASKS = 2


class DemoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is surveyed, by which model, and whether there is a kill."""

    root: Path
    out: Path
    model: str
    kill: bool = True
    delta_delay_s: float = 0.01


class RunPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where one run of the demo leaves what it makes."""

    directory: Path
    store: Path
    report: Path
    notices: Path


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """What was on the log when the worker was dead."""

    pid: int
    position: int
    completed: int
    finished_calls: int
    open_effects: tuple[StartedEffect, ...]
    last_lines: tuple[TimelineLine, ...]
    agent_versions: dict[str, int]


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """What the second worker did about the open effects, by agent."""

    after_s: float | None
    """Seconds from the start of the second worker to the first agent that had come back."""
    recovered: dict[str, tuple[EffectId, ...]]
    restarted: dict[str, tuple[EffectId, ...]]
    unknown: dict[str, tuple[EffectId, ...]]


class DemoResult(msgspec.Struct, frozen=True, kw_only=True):
    """The end of the play."""

    place: RunPlace
    finished: bool
    seconds: float
    events: int
    kill: Kill | None
    recovery: Recovery | None
    outcome: DemoOutcome | None
    failure: str
    """Why there is no outcome; empty if there is one."""
    findings: dict[int, Findings]
    notices: int


def new_place(out: Path) -> RunPlace:
    """A new directory `run-N` below `out`.

    Raises:
        OSError: it cannot be made.
    """
    out.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        directory = out / f"run-{number}"
        try:
            directory.mkdir()
        except FileExistsError:
            number += 1
            continue
        return RunPlace(
            directory=directory,
            store=directory / "team.mentra",
            report=directory / REPORT_FILE,
            notices=directory / NOTICES_FILE,
        )


def play(settings: DemoSettings, place: RunPlace, on_change: OnChange) -> DemoResult:
    """Run the team in a worker process, with the kill in the middle if it is wished."""
    started = time.monotonic()
    watch = DemoWatch()
    kill: Kill | None = None
    recovery: Recovery | None = None
    ending: _Ending = None, ""
    if settings.kill:
        kill, ending = _first_life(settings, place, watch, on_change)
    if kill is not None or not settings.kill:
        restarted_at = time.time()
        ending = _second_life(settings, place, watch, on_change)
        if kill is not None:
            recovery = _recovery(_events(place, after=kill.position), restarted_at)
    on_change("ended", watch)
    outcome, failure = ending
    return DemoResult(
        place=place,
        finished=outcome is not None and outcome.finished,
        seconds=time.monotonic() - started,
        events=watch.position,
        kill=kill,
        recovery=recovery,
        outcome=outcome,
        failure=failure,
        findings=_findings(place),
        notices=_line_count(place.notices),
    )


_Ending: TypeAlias = tuple[DemoOutcome | None, str]


def _first_life(
    settings: DemoSettings, place: RunPlace, watch: DemoWatch, on_change: OnChange
) -> tuple[Kill | None, _Ending]:
    """The life that ends by a kill; or by itself, if the team was done (or failed) before."""
    on_change("first life", watch)
    with _worker(settings, place) as worker:
        if not _follow(
            place, worker, watch, _is_in_the_middle, lambda: on_change("first life", watch)
        ):
            return None, _ending(place, worker)
        kill = _kill(place, worker, watch)
    on_change("killed", watch)
    return kill, (None, "")


def _second_life(
    settings: DemoSettings, place: RunPlace, watch: DemoWatch, on_change: OnChange
) -> _Ending:
    on_change("second life", watch)
    with _worker(settings, place) as worker:
        _follow(place, worker, watch, _never, lambda: on_change("second life", watch))
        return _ending(place, worker)


# --- the worker ---------------------------------------------------------------------------------


@contextmanager
def _worker(settings: DemoSettings, place: RunPlace) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker in a process of its own; it is dead at the end of the block."""
    command = [sys.executable, "-m", "mentra_actors.demo.worker"]
    command += ["--store", str(place.store), "--root", str(settings.root)]
    command += ["--out", str(place.directory), "--left-out", str(settings.out)]
    command += ["--model", settings.model, "--delta-delay-s", str(settings.delta_delay_s)]
    with (
        open(place.directory / "worker.log", "ab") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        ) as worker,
    ):
        try:
            yield worker
        finally:
            worker.kill()


def _ending(place: RunPlace, worker: "subprocess.Popen[bytes]") -> tuple[DemoOutcome | None, str]:
    """The outcome that the worker has printed, or why there is none."""
    printed, _ = worker.communicate()
    try:
        return msgspec.json.decode(printed, type=DemoOutcome), ""
    except msgspec.DecodeError:
        words = _last_words(place)
        return None, words or f"the worker ended with exit code {worker.returncode}"


def _is_in_the_middle(watch: DemoWatch) -> bool:
    """A task is done, others are not, and something is in flight: best, a call of a tool."""
    if not 0 < watch.completed < len(watch.board.tasks):
        return False
    opened = watch.open_effects()
    has_open_call = any(one.kind == "tool" for one in opened)
    return has_open_call or (bool(opened) and watch.completed >= _CERTAIN_AFTER_TASKS)


def _never(_watch: DemoWatch) -> bool:
    return False


def _kill(place: RunPlace, worker: "subprocess.Popen[bytes]", watch: DemoWatch) -> Kill:
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    watch.take(_events(place, after=watch.position))
    return Kill(
        pid=worker.pid,
        position=watch.position,
        completed=watch.completed,
        finished_calls=watch.finished_calls,
        open_effects=tuple(watch.open_effects()),
        last_lines=tuple(watch.recent),
        agent_versions=watch.agent_versions,
    )


# --- the log ------------------------------------------------------------------------------------


def _follow(
    place: RunPlace,
    worker: "subprocess.Popen[bytes]",
    watch: DemoWatch,
    is_enough: Callable[[DemoWatch], bool],
    on_change: Callable[[], None],
) -> bool:
    """Read along until it is enough (True) or the worker has ended (False)."""
    reader = _reader(place, worker)
    if reader is None:
        return False
    try:
        journal = Journal(reader)
        while True:
            has_ended = worker.poll() is not None
            reader.wait_for_position(watch.position + 1, timeout_s=0 if has_ended else _LOOK_S)
            while page := journal.read_journal(after=watch.position):
                watch.take(page)
            on_change()
            if not has_ended and is_enough(watch):
                return True
            if has_ended:
                return False
    finally:
        reader.close()


def _reader(place: RunPlace, worker: "subprocess.Popen[bytes]") -> LmdbJournalReader | None:
    """A reader, as soon as the worker has made the store; None if it ended without one."""
    while True:
        has_ended = worker.poll() is not None
        try:
            return LmdbJournalReader.open(place.store)
        except StoreNotFound:
            if has_ended:
                return None
            time.sleep(_STORE_APPEARS_S)


def _events(place: RunPlace, *, after: int = 0) -> Sequence[RecordedEvent[object]]:
    reader = LmdbJournalReader.open(place.store)
    try:
        return [one for one in Journal(reader).through() if one.global_position > after]
    finally:
        reader.close()


def _recovery(recorded: Sequence[RecordedEvent[object]], restarted_at: float) -> Recovery:
    recovered: dict[str, tuple[EffectId, ...]] = {}
    restarted: dict[str, tuple[EffectId, ...]] = {}
    unknown: dict[str, tuple[EffectId, ...]] = {}
    first: float | None = None
    for one in recorded:
        agent = name_of(one.stream_id)
        match one.event:
            case e.AgentRecovered(open_effects=opened, recovered_at=at):
                recovered[agent] = opened
                first = first if first is not None else at
            case e.ToolCallRestarted(key=key):
                restarted[agent] = (*restarted.get(agent, ()), key)
            case e.ToolCallOutcomeUnknown(key=key):
                unknown[agent] = (*unknown.get(agent, ()), key)
            case _:
                pass
    after_s = None if first is None else max(first - restarted_at, 0.0)
    return Recovery(after_s=after_s, recovered=recovered, restarted=restarted, unknown=unknown)


def _findings(place: RunPlace) -> dict[int, Findings]:
    """What the lead was told."""
    try:
        recorded = _events(place)
    except StoreError:
        return {}
    inbox = inbox_stream(AgentId(LEAD))
    letters = (one.event for one in recorded if one.stream_id == inbox)
    bodies = [letter.mail.body for letter in letters if isinstance(letter, MailDelivered)]
    return findings_in(bodies)


def _line_count(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def _last_words(place: RunPlace) -> str:
    """The last thing that the worker said of a failure; empty if it said nothing."""
    log = place.directory / "worker.log"
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    for line in reversed(lines):
        try:
            failure = msgspec.json.decode(line, type=WorkerFailure)
        except (msgspec.DecodeError, UnicodeError):
            continue
        return failure.message
    return lines[-1] if lines else ""
