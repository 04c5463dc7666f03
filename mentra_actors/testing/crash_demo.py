"""The demo team as a subject of crash tests: run to its end, and what it has left behind."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import anyio

from mentra_actors.demo.survey_tools import NOTICES_FILE
from mentra_actors.demo.team import open_demo
from mentra_actors.effects.runner import Performer
from mentra_actors.json_types import JsonObject
from mentra_actors.runtime.settings import Durability
from mentra_actors.store.ports import EventStore
from mentra_actors.testing.crash_team import crash_team_facts

__all__ = ["run_crash_demo"]


def run_crash_demo(
    folder: str,
    surveyed: str,
    *,
    wrap_store: Callable[[EventStore], EventStore] | None = None,
    wrap_effects: Callable[[Performer], Performer] | None = None,
    durability: Durability = "volatile",
) -> JsonObject:
    """Survey `surveyed` in `folder`, or go on with it; what must be equal after every kill."""
    out = Path(folder) / "out"
    outcome = anyio.run(
        lambda: open_demo(
            Path(folder) / "team.mentra",
            surveyed,
            out,
            durability=durability,
            wrap_store=wrap_store,
            wrap_effects=wrap_effects,
        )
    )
    facts = crash_team_facts(str(Path(folder) / "team.mentra"))
    notices = out / NOTICES_FILE
    lines = notices.read_text().splitlines() if notices.exists() else []
    return {
        "finished": outcome.finished,
        "failures": outcome.failures,
        "report": Path(outcome.report).read_text(),
        "tasks": [
            [task.task_id, task.subject, task.status, task.owner, list(task.blocked_by)]
            for task in outcome.tasks
        ],
        "notices": len(lines),
        "repeated_mail": _repeated(facts["mail_ids"]),
        "gap_free": facts["gap_free"],
        "prompt_faults": facts["prompt_faults"],
        "unknown_outcomes": facts["types"].count("agent.tool_call_outcome_unknown.v1"),
        "mail": facts["mail"],
    }


def _repeated(ids: list[str]) -> list[str]:
    return [one for one, count in Counter(ids).items() if count > 1]
