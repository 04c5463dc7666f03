"""Names of streams, effects and runs.

An id is a plain string with a type. None is made here: ids that must be new are created at the
edge and arrive inside commands, so that deciding stays repeatable.
"""

import re
from typing import NewType

__all__ = [
    "MAX_AGENT_ID_BYTES",
    "AgentId",
    "CommandId",
    "EffectId",
    "EntryId",
    "MailId",
    "RunId",
    "StreamId",
    "TeamId",
    "agent_stream",
    "background_stream",
    "board_stream",
    "category_of",
    "inbox_stream",
    "is_valid_name",
    "lease_stream",
    "memory_stream",
    "name_of",
    "project_memory_stream",
    "rules_stream",
    "schedule_stream",
    "team_memory_stream",
    "team_stream",
]

StreamId = NewType("StreamId", str)
"""`{category}-{name}`, at most 255 bytes of UTF-8."""
AgentId = NewType("AgentId", str)
MAX_AGENT_ID_BYTES = 240
"""With its category in front the name of a stream stays within the 255 bytes of a store."""
TeamId = NewType("TeamId", str)
RunId = NewType("RunId", str)
EffectId = NewType("EffectId", str)
"""Unique in its stream."""
EntryId = NewType("EntryId", int)
"""Place of a message among all that its stream ever had, from 1; 0 is before the first."""
CommandId = NewType("CommandId", str)
"""Chosen by the sender; a repeated one is answered and records nothing."""
MailId = NewType("MailId", str)

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}", re.ASCII)


def is_valid_name(name: str) -> bool:
    """True for 1 to 100 ASCII letters, digits and `_ . : -`, the first a letter, digit or `_`."""
    return _NAME.fullmatch(name) is not None


def agent_stream(agent_id: AgentId) -> StreamId:
    """The stream that one agent owns."""
    return StreamId(f"agent-{agent_id}")


def background_stream(agent_id: AgentId) -> StreamId:
    """The stream of one agent's commands in the background."""
    return StreamId(f"background-{agent_id}")


def inbox_stream(agent_id: AgentId) -> StreamId:
    """The stream of mail delivered to one agent."""
    return StreamId(f"inbox-{agent_id}")


def team_stream(team_id: TeamId) -> StreamId:
    """The stream of one team's members."""
    return StreamId(f"team-{team_id}")


def board_stream(namespace: str) -> StreamId:
    """The stream of one task board."""
    return StreamId(f"board-{namespace}")


def lease_stream(resource: str) -> StreamId:
    """The stream of one lease."""
    return StreamId(f"lease-{resource}")


def rules_stream(scope_key: str) -> StreamId:
    """The stream of the rules that are remembered in one scope."""
    return StreamId(f"rules-{scope_key}")


def schedule_stream(team_id: TeamId) -> StreamId:
    """The stream of one team's schedules."""
    return StreamId(f"schedule-{team_id}")


def memory_stream(agent_id: AgentId) -> StreamId:
    """The stream of what one agent remembers for long."""
    return StreamId(f"memory-{agent_id}")


def team_memory_stream(team_id: TeamId) -> StreamId:
    """The stream of what all members of a team remember; no agent has an `@` in its id."""
    return StreamId(f"memory-@team.{team_id}")


def project_memory_stream() -> StreamId:
    """The stream of what all agents of the store remember."""
    return StreamId("memory-@project")


def category_of(stream_id: StreamId) -> str:
    """The part before the first dash: `agent` of `agent-lead`."""
    return stream_id.partition("-")[0]


def name_of(stream_id: StreamId) -> str:
    """The part after the first dash: `lead` of `agent-lead`."""
    return stream_id.partition("-")[2]
