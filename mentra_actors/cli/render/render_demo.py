"""What `mentra demo` shows: short acts on a terminal, lines in a pipe, one JSON document."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from mentra_actors.cli.output import Output, local_time, plain_table
from mentra_actors.cli.program import program
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render.render_board import BOARD_COLUMNS, board_rows, task_document
from mentra_actors.cli.render.render_transcript import item_lines
from mentra_actors.demo.findings import Matches, Totals
from mentra_actors.demo.offline_model import OFFLINE_PROVIDER
from mentra_actors.demo.play import DemoResult, DemoSettings, Kill, Phase, Recovery, RunPlace
from mentra_actors.demo.survey_plan import LEAD
from mentra_actors.demo.watch import DemoWatch, StartedEffect
from mentra_actors.ids import AgentId, agent_stream
from mentra_actors.json_types import JsonObject
from projections.views.roster import MemberView
from projections.views.task_board import BoardView
from projections.views.transcript import transcript_items

__all__ = ["DemoScreen", "demo_document"]

_FRAMES_PER_SECOND = 8
_ITEMS_BEFORE = 5
_ITEMS_AFTER = 7
_LINE_CHARS = 140


class DemoScreen:
    """Shows the play as it goes. A context manager around `play`."""

    def __init__(self, output: Output, settings: DemoSettings, place: RunPlace) -> None:
        self._output = output
        self._settings = settings
        self._place = place
        self._live: Live | None = None
        self._phase: Phase | None = None
        self._told: set[str] = set()
        self._board = BoardView()

    def begin(self) -> None:
        """What is about to happen."""
        if self._output.as_json:
            return
        settings, place = self._settings, self._place
        lines = [
            f"A lead and two teammates survey {settings.root}.",
            f"Model: {settings.model}{_model_note(settings.model)}",
            f"Store: {_near(place.store)}",
        ]
        if settings.kill:
            lines.append("In the middle this program kills them with SIGKILL.")
        self._heading("mentra demo")
        self._output.show(*map(Text, lines))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_live()

    def change(self, phase: Phase, watch: DemoWatch) -> None:
        """The log has grown, or the play has come to another act."""
        if self._output.as_json:
            return
        self._board = watch.board
        if phase != self._phase:
            self._stop_live()
            self._phase = phase
            if phase == "killed":
                self._show_killed(watch)
            elif phase != "ended":
                self._heading(_titles(self._settings)[phase])
        if phase not in ("first life", "second life"):
            return
        if not self._output.is_terminal:
            self._tell_news(watch)
        elif self._live is None:
            self._live = Live(
                _scene(watch),
                console=self._output.console,
                refresh_per_second=_FRAMES_PER_SECOND,
                transient=True,
            )
            self._live.start()
        else:
            self._live.update(_scene(watch))

    def end(self, result: DemoResult) -> None:
        """What came of it, and how to look closer."""
        self._heading("The board at the end")
        self._output.show(self._board_table())
        if result.kill and result.recovery:
            self._show_transcripts(result.kill)
            self._heading("What the recovery did")
            self._output.show(*_recovery_lines(result.kill, result.recovery))
        self._heading("The report" if result.finished else "Not finished")
        self._output.show(*_ending_lines(result))
        self._heading("Look closer")
        self._output.show(*map(Text, _commands(result)))

    # --- parts --------------------------------------------------------------------------------

    def _heading(self, title: str) -> None:
        if self._output.is_terminal:
            self._output.show(Text(), Rule(Text(title, style="bold"), align="left", style="blue"))
        else:
            self._output.show(Text(f"\n== {title}"))

    @property
    def _width(self) -> int:
        return self._output.console.width - 1 if self._output.is_terminal else _LINE_CHARS

    def _board_table(self) -> RenderableType:
        if not self._output.is_terminal:
            return plain_table(BOARD_COLUMNS, board_rows(self._board))
        return _board_grid(self._board)

    def _stop_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
            if self._phase == "first life":
                self._output.show(self._board_table())
            else:
                done, all_tasks = self._done()
                self._output.show(Text(f"{done} of {all_tasks} tasks are completed."))

    def _done(self) -> tuple[int, int]:
        tasks = self._board.tasks
        return sum(task.status == "completed" for task in tasks), len(tasks)

    def _tell_news(self, watch: DemoWatch) -> None:
        """In a pipe: one line for each step of a task."""
        for task in watch.board.tasks:
            for step in ("in_progress", "completed"):
                line = f"task {task.task_id} {step.replace('_', ' ')}: {task.subject}"
                if task.status == step and line not in self._told:
                    self._told.add(line)
                    self._output.show(Text(f"{line} ({task.owner})"))

    def _show_killed(self, watch: DemoWatch) -> None:
        self._heading("Killed in the middle of the work (SIGKILL)")
        opened = watch.open_effects()
        lines = [Text(f"{watch.position} events are on the log. The last ones:", style="bold")]
        for one in list(watch.recent)[-6:]:
            line = Text(f"{one.global_position:>6}  {local_time(one.recorded_at)}  ", style="dim")
            line.append(f"{one.stream_id:<12} ", style="cyan")
            line.append(one.sentence)
            lines.append(_on_one_line(line, self._width))
        lines.append(Text("Open, without an outcome on the log:", style="bold"))
        lines += [Text(f"  {_effect_words(one)}", style="yellow") for one in opened]
        self._output.show(*lines)

    def _show_transcripts(self, kill: Kill) -> None:
        """One transcript, as of before the kill and after."""
        name = _witness(kill)
        version = kill.agent_versions.get(name, 0)
        if not version:
            return
        with opened(self._place.store) as team:
            items = transcript_items(team.journal, agent_stream(AgentId(name)))
        lines = [(at, _on_one_line(line, self._width)) for at, line in item_lines(items)]
        before = [line for at, line in lines if at <= version]
        after = [line for at, line in lines if at > version]
        self._heading(f"The transcript of {name}, as of before the kill (version {version})")
        self._output.show(*before[-_ITEMS_BEFORE:])
        self._heading(f"The transcript of {name}, after")
        self._output.show(*after[:_ITEMS_AFTER])
        if len(after) > _ITEMS_AFTER:
            self._output.show(Text(f"       … and {len(after) - _ITEMS_AFTER} more", style="dim"))


def demo_document(settings: DemoSettings, result: DemoResult) -> dict[str, object]:
    """The whole play, for programs."""
    outcome = result.outcome
    members: list[MemberView] = []
    view = BoardView()
    if result.events:
        with opened(result.place.store) as team:
            members, view = team.members(), team.board()
    return {
        "finished": result.finished,
        "failure": result.failure or None,
        "model": settings.model,
        "root": str(settings.root),
        "store": str(result.place.store),
        "report": str(result.place.report) if result.place.report.is_file() else None,
        "seconds": round(result.seconds, 3),
        "events": result.events,
        "answer": outcome.answer if outcome else None,
        "failures": outcome.failures if outcome else {},
        "figures": _figures(result),
        "notices": result.notices,
        "kill": result.kill,
        "recovery": result.recovery,
        "agents": [{"name": one.name, "status": one.status} for one in members],
        "tasks": [task_document(task, view) for task in view.tasks],
        "commands": _commands(result),
    }


def _titles(settings: DemoSettings) -> dict[Phase, str]:
    if not settings.kill:
        return {"second life": "The team works"}
    return {"first life": "The team works", "second life": "Started again: the team goes on"}


def _scene(watch: DemoWatch) -> RenderableType:
    """The board, and what each agent is doing now."""
    doing: dict[str, list[str]] = {}
    for one in watch.open_effects():
        doing.setdefault(one.agent, []).append(one.tool or "asks the model")
    team = Table.grid(padding=(0, 2))
    for member in watch.members:
        words = doing.get(member.name)
        mark = Spinner("dots") if words else Text("·", style="dim")
        said = ", ".join(words) if words else "rests"
        team.add_row(
            mark, Text(member.name, style="bold"), Text(said, style="" if words else "dim")
        )
    if not watch.members:
        team.add_row(Spinner("dots"), Text("the worker starts", style="dim"), Text())
    return Group(_board_grid(watch.board), Text(), team)


def _board_grid(view: BoardView) -> Table:
    table = Table.grid(padding=(0, 2))
    for row in board_rows(view):
        table.add_row(*row)
    return table


def _on_one_line(line: Text, width: int) -> Text:
    first = line.split("\n")[0] if "\n" in line.plain else line
    first.truncate(width, overflow="ellipsis")
    return first


def _witness(kill: Kill) -> str:
    """The agent with the most telling open effect: best, a call of a tool."""
    calls = [one.agent for one in kill.open_effects if one.kind == "tool"]
    others = [one.agent for one in kill.open_effects]
    return next(iter([*calls, *others, *kill.agent_versions]), "")


def _effect_words(effect: StartedEffect) -> str:
    what = f"a call of {effect.tool}" if effect.tool else "a model call"
    return f"{effect.agent}: {what} ({effect.effect_id})"


def _recovery_lines(kill: Kill, recovery: Recovery) -> list[Text]:
    lines = []
    if recovery.after_s is not None:
        lines.append(f"The team was back {recovery.after_s:.1f} s after the second start.")
    models = [
        f"{agent} {key}"
        for agent, keys in recovery.recovered.items()
        for key in keys
        if key.startswith("model-")
    ]
    ways = (
        ("run again, with the same idempotency key", _named_calls(kill, recovery.restarted)),
        ("not repeated (retry=never), told to be unknown", _named_calls(kill, recovery.unknown)),
        ("model call, asked again", models),
    )
    lines += [f"{way}: {one}" for way, calls in ways for one in calls]
    lines.append(f"kept and not repeated: {kill.finished_calls} finished tool calls")
    return [Text(line) for line in lines]


def _named_calls(kill: Kill, keys: Mapping[str, Sequence[str]]) -> list[str]:
    """Calls with the names of their tools, as far as they were open at the kill."""
    tools = {(one.agent, one.effect_id.partition("@")[0]): one.tool for one in kill.open_effects}
    return [
        f"{agent} {tools.get((agent, key), '')} {key}".replace("  ", " ")
        for agent, of_agent in keys.items()
        for key in of_agent
    ]


def _ending_lines(result: DemoResult) -> list[Text]:
    if result.outcome is None:
        return [Text(f"The worker could not go on: {result.failure}", style="bold red")]
    lines = []
    if result.outcome.answer:
        lines.append(Text(result.outcome.answer, style="bold green" if result.finished else ""))
    for name, failure in result.outcome.failures.items():
        lines.append(Text(f"{name} failed: {failure}", style="bold red"))
    if result.finished:
        lines.append(Text(f"Report: {_near(result.place.report)} (it ends with the commands "))
        lines[-1].append("that print the same figures)")
    lines.append(Text(f"Notices posted: {result.notices}; events: {result.events}; "))
    lines[-1].append(f"seconds: {result.seconds:.1f}")
    return lines


def _figures(result: DemoResult) -> JsonObject:
    figures: JsonObject = {}
    for findings in result.findings.values():
        match findings.finding:
            case Totals(files=files, lines=lines, bytes=size):
                figures |= {"files": files, "lines": lines, "bytes": size}
            case Matches(texts=texts):
                matches = figures.setdefault("matches", {})
                for one in texts:
                    matches[one.text] = {"lines": one.lines, "files": one.files}
            case _:
                pass
    return figures


def _commands(result: DemoResult) -> list[str]:
    """Commands that work from where this one was started."""
    mentra, store = program(), shlex.quote(_near(result.place.store))
    kill = result.kill
    name = _witness(kill) if kill else LEAD
    version = kill.agent_versions.get(name) if kill else None
    at = f" --at {version}" if version else ""
    commands = [
        f"{mentra} board --store {store}",
        f"{mentra} agents --store {store}",
        f"{mentra} transcript {name}{at} --store {store}",
        f"{mentra} log {name} --store {store}",
    ]
    if result.place.report.is_file():
        commands.append(f"cat {shlex.quote(_near(result.place.report))}")
    return commands


def _near(path: Path) -> str:
    """A path as short as it can be said from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _model_note(model: str) -> str:
    if model.startswith(f"{OFFLINE_PROVIDER}:"):
        return " (offline and rule-based: not a language model)"
    return ""
