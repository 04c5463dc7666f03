"""From the arguments of `spawn` and `configure` to an agent's profile."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypedDict

from mentra_actors.domain.agent.profile import (
    AgentProfile,
    Autonomy,
    CompactionOptions,
    MemoryOptions,
    ProfileChanges,
    ToolResultPaging,
    Workspace,
    profile_fault,
)
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.model_call import ProviderOptions, ReasoningOptions, ToolChoice
from mentra_actors.domain.storable import as_stored
from mentra_actors.domain.team import agent_id_of
from mentra_actors.ids import TeamId
from mentra_actors.runtime.plain_arguments import require_known, require_text
from mentra_actors.tools.tool_names import tool_names

__all__ = [
    "ProfileOptions",
    "SpawnOptions",
    "profile_changes",
    "profile_of",
    "warn_of_unknown_tools",
]

_TOOLS_THEMSELVES = (
    "open the runtime with the tools themselves, open_runtime(tools=[…]), and name them here"
)
_log = logging.getLogger(__name__)


class ProfileOptions(TypedDict, total=False):
    """What may be chosen for an agent, and changed while it lives; see `AgentProfile`."""

    system: str
    tools: Sequence[str] | None
    hidden_tools: Sequence[str]
    max_rounds: int
    wake_on_mail: bool
    wake_on_background: bool | None
    temperature: float | None
    max_output_tokens: int | None
    tool_choice: ToolChoice
    reasoning: ReasoningOptions | None
    metadata: Mapping[str, str]
    provider: ProviderOptions
    run: RunOptions
    paging: ToolResultPaging | None
    task_reminder_rounds: int
    autonomy: Autonomy
    workspace: Workspace
    memory: MemoryOptions
    compaction: CompactionOptions
    title: str


class SpawnOptions(ProfileOptions, total=False):
    """What `spawn` may be told of an agent; see `AgentProfile` for the meaning."""

    role: str


def profile_of(team: TeamId, name: str, model: str, options: SpawnOptions) -> AgentProfile:
    """The profile of a lead: a member that nobody of the team has spawned.

    Raises:
        TypeError: an option is not known, or has the wrong type.
        ValueError: it is no text that can be stored, or no agent could work with it.
    """
    require_text(name, "the name of an agent")
    require_text(model, "a model")
    fields = _fields("spawn", options, SpawnOptions)
    fields.setdefault("role", "lead")
    profile = AgentProfile(
        agent_id=agent_id_of(team, name), name=name, team_id=team, model=model, **fields
    )
    checked = as_stored(profile, AgentProfile, f"agent {name!r}")
    if ":" in model and (fault := profile_fault(checked)):
        raise ValueError(f"agent {name!r}: {fault}")
    return checked


def profile_changes(model: str | None, options: ProfileOptions) -> ProfileChanges:
    """Changes of a profile; what is not named stays as it is.

    Raises:
        TypeError, ValueError: an option is not known, has the wrong type, or cannot be stored.
    """
    fields = _fields("configure", options, ProfileOptions)
    if model is not None:
        fields["model"] = model
    return as_stored(ProfileChanges(**fields), ProfileChanges, "configure")


def warn_of_unknown_tools(
    options: AgentProfile | ProfileChanges, known: Collection[str], agent: str
) -> None:
    """Log the names in `tools` and `hidden_tools` that no tool has now; one may come later."""
    for option in ("tools", "hidden_tools"):
        named = getattr(options, option)
        for name in named if isinstance(named, tuple) else ():
            if name not in known:
                _log.warning("%s of agent %s: no tool is named %r now", option, agent, name)


def _fields(what: str, options: Mapping[str, Any], kind: type[object]) -> dict[str, Any]:
    known = kind.__annotations__ | ProfileOptions.__annotations__
    require_known(options, known, f"{what} has no option")
    fields = dict(options)
    for name in ("tools", "hidden_tools"):
        if fields.get(name) is not None:
            fields[name] = tool_names(name, fields[name], advice=_TOOLS_THEMSELVES)
    if isinstance(fields.get("metadata"), Mapping):
        fields["metadata"] = dict(fields["metadata"])
    return fields
