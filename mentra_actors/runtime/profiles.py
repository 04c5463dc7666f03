"""From the arguments of `spawn` to an agent's profile."""

from collections.abc import Sequence
from typing import TypedDict

import msgspec

from mentra_actors.domain.agent.events import AgentProfile
from mentra_actors.domain.team import agent_id_of
from mentra_actors.ids import TeamId

__all__ = ["SpawnOptions", "profile_of"]


class SpawnOptions(TypedDict, total=False):
    """What `spawn` may be told of an agent; see `AgentProfile` for the meaning."""

    system: str
    role: str
    tools: Sequence[str] | None
    hidden_tools: Sequence[str]
    max_rounds: int
    wake_on_mail: bool
    temperature: float | None
    max_output_tokens: int | None


def profile_of(team: TeamId, name: str, model: str, options: SpawnOptions) -> AgentProfile:
    """The profile of a lead: a member that nobody of the team has spawned.

    Raises:
        TypeError, ValueError: an option has the wrong type, or is no text that can be stored.
    """
    if unknown := set(options) - set(SpawnOptions.__annotations__):
        known = ", ".join(SpawnOptions.__annotations__)
        raise TypeError(f"spawn has no option {sorted(unknown)[0]!r}; there are {known}")
    tools = options.get("tools")
    if isinstance(tools, str):
        raise TypeError("tools are a list of names, not one string")
    profile = AgentProfile(
        agent_id=agent_id_of(team, name),
        name=name,
        team_id=team,
        role=options.get("role", "lead"),
        model=model,
        system=options.get("system", ""),
        tools=None if tools is None else tuple(tools),
        hidden_tools=tuple(options.get("hidden_tools", ())),
        max_rounds=options.get("max_rounds", 50),
        wake_on_mail=options.get("wake_on_mail", True),
        temperature=options.get("temperature"),
        max_output_tokens=options.get("max_output_tokens", 8192),
    )
    try:
        return msgspec.msgpack.decode(msgspec.msgpack.encode(profile), type=AgentProfile)
    except msgspec.ValidationError as error:
        raise TypeError(f"agent {name!r}: {error}") from error
