"""What an agent asks of the world, as data."""

from typing import TypeAlias

import msgspec

from mentra_actors.domain.agent.events import AgentProfile
from mentra_actors.ids import EffectId, RunId

__all__ = ["AgentEffect", "CallModel", "ProbeTool", "RunTool"]


class CallModel(msgspec.Struct, frozen=True, kw_only=True):
    """Send the transcript to the model, not before `not_before` (Unix seconds)."""

    effect_id: EffectId
    run_id: RunId
    profile: AgentProfile
    attempt: int
    not_before: float


class RunTool(msgspec.Struct, frozen=True, kw_only=True):
    """Run one call whose start is recorded. `arguments` is valid JSON text of an object."""

    key: EffectId
    call_id: str
    run_id: RunId
    profile: AgentProfile
    tool: str
    arguments: str
    idempotency_key: str
    attempt: int


class ProbeTool(msgspec.Struct, frozen=True, kw_only=True):
    """Ask a tool's probe what became of a call."""

    key: EffectId
    tool: str
    idempotency_key: str
    attempt: int


AgentEffect: TypeAlias = CallModel | RunTool | ProbeTool
