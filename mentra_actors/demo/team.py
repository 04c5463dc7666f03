"""The demo team: opened, run to its end, and opened again after a kill."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import anyio
import anyio.to_thread
import msgspec

from mentra_actors.demo.offline_model import OFFLINE_PROVIDER, OfflineModel
from mentra_actors.demo.prompts import PROMPT, PROMPT_ID, SYSTEM
from mentra_actors.demo.report import REPORT_FILE
from mentra_actors.demo.survey_plan import LEAD
from mentra_actors.demo.survey_tools import NOTICES_FILE, survey_tools
from mentra_actors.domain.board.state import Task
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.ids import StreamId
from mentra_actors.runtime.agents.agent import Agent
from mentra_actors.runtime.runtime import Runtime, open_runtime
from mentra_actors.runtime.settings import RuntimeOptions
from mentra_actors.tools.builtin.files import file_tools, looking_file_tool
from mentra_actors.tools.contract import Tool
from projections.views.roster import ROSTER, team_roster
from projections.views.transcript_item import AssistantText, TranscriptItem

__all__ = ["OFFLINE_SURVEY", "DemoOutcome", "demo_tools", "open_demo"]

OFFLINE_SURVEY = f"{OFFLINE_PROVIDER}:survey"


class DemoOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How the team stands when nobody has anything to do any more."""

    finished: bool
    """All tasks are completed and the report is written."""
    answer: str
    """What the lead said last."""
    report: str
    tasks: tuple[Task, ...]
    failures: dict[str, str]
    """Why the last run of an agent failed, by name."""
    resumed: tuple[StreamId, ...]
    """Streams that had open work when the store was opened."""


def demo_tools(
    root: str | os.PathLike[str], out_dir: str | os.PathLike[str], *, left_out: Sequence[Path] = ()
) -> list[Tool]:
    """The tools of the team: it reads below `root` and writes below `out_dir`, which must exist.

    Raises:
        ConfigurationError: one of them is not a directory.
    """
    writing = [tool for tool in file_tools(out_dir, profile="split") if tool.name == "write"]
    return [looking_file_tool(root), *writing, *survey_tools(root, out_dir, left_out=left_out)]


async def open_demo(
    store_path: str | os.PathLike[str],
    root: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    *,
    model: str = OFFLINE_SURVEY,
    delta_delay_s: float = 0.0,
    left_out: Sequence[Path] = (),
    **runtime_options: Unpack[RuntimeOptions],
) -> DemoOutcome:
    """Run the survey of `root` to its end, from wherever the store stands.

    It may be called again after a kill at any moment: the team goes on, and a survey that is
    finished stays as it is. `out_dir` (made if it is not there) gets `report.md` and
    `NOTICES.txt`. It, the store and `left_out` are not surveyed if they lie below `root`.
    `runtime_options` go to the runtime; tools and providers are added to those of the demo.

    Raises:
        StoreError: the store cannot be opened or written.
        ConfigurationError: a directory or the model is not there.
        RunFailed: the lead's first run ended without an answer.
    """
    out = Path(out_dir)
    await anyio.to_thread.run_sync(lambda: out.mkdir(parents=True, exist_ok=True))
    outputs = [out, out / REPORT_FILE, out / NOTICES_FILE, Path(store_path)]
    own = demo_tools(root, out, left_out=[*left_out, *outputs])
    options = runtime_options.copy()
    options["tools"] = [*own, *runtime_options.get("tools", ())]
    offline = OfflineModel(delta_delay_s=delta_delay_s)
    options["providers"] = [offline, *runtime_options.get("providers", ())]
    async with open_runtime(Path(store_path), **options) as runtime:
        lead = await runtime.spawn(LEAD, model=model, system=SYSTEM, reuse=True)
        await lead.send(PROMPT, prompt_id=PROMPT_ID)
        await runtime.until_idle()
        return await _outcome(runtime, lead, out / REPORT_FILE)


async def _outcome(runtime: Runtime, lead: Agent, report: Path) -> DemoOutcome:
    roster = await runtime.view(ROSTER)
    members = team_roster(roster.get, DEFAULT_TEAM)
    board = await runtime.board()
    tasks = tuple(task for _, task in sorted(board.tasks.items()))
    is_done = bool(tasks) and all(task.status == "completed" for task in tasks)
    is_written = await anyio.to_thread.run_sync(report.is_file)
    return DemoOutcome(
        finished=is_done and is_written,
        answer=_last_words(await lead.transcript()),
        report=str(report),
        tasks=tasks,
        failures={one.name: one.failure for one in members if one.failure},
        resumed=tuple(runtime.resumed),
    )


def _last_words(items: Sequence[TranscriptItem]) -> str:
    said = [item.content.text for item in items if isinstance(item.content, AssistantText)]
    return said[-1] if said else ""
