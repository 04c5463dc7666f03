"""What every event of hooks has."""

import re

import msgspec

from mentra_actors.ids import AgentId, RunId

__all__ = ["Told", "kind_of"]

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def _snake_case(name: str) -> str:
    return _WORD.sub("_", name).lower()


def kind_of(event: object) -> str:
    """The kind of an event, or of a class of them: `run_started`."""
    return _snake_case((event if isinstance(event, type) else type(event)).__name__)


class Told(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="kind",
    tag=_snake_case,
):
    """Every event: whose it is, where it stands on the log, and when it came there (Unix s).

    `agent_id` is empty where it is the runtime's own. Several events may have one position.
    `run_id` is empty outside of a run.
    """

    agent_id: AgentId
    position: int
    recorded_at: float
    run_id: RunId = RunId("")
