"""Every kind of stream with its decider, and how its commands are made of its events."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from mentra_actors.decider import AnyDecider, Decider
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.background.jobs import BACKGROUND
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.inbox import INBOX
from mentra_actors.domain.lease import LEASE
from mentra_actors.domain.memory import MEMORY
from mentra_actors.domain.permission_rules import RULES
from mentra_actors.domain.schedules.schedules import SCHEDULES
from mentra_actors.domain.supervision.decide import SUPERVISION
from mentra_actors.domain.team import TEAM
from mentra_actors.runtime.plain_arguments import require_known
from mentra_actors.runtime.replay.rebuild.agents import AGENT_COMMANDS
from mentra_actors.runtime.replay.rebuild.boards import BOARD_COMMANDS
from mentra_actors.runtime.replay.rebuild.contract import Builders
from mentra_actors.runtime.replay.rebuild.others import (
    INBOX_COMMANDS,
    JOB_COMMANDS,
    LEASE_COMMANDS,
    MEMORY_COMMANDS,
    RULE_COMMANDS,
    SCHEDULE_COMMANDS,
)
from mentra_actors.runtime.replay.rebuild.supervision import SUPERVISION_COMMANDS
from mentra_actors.runtime.replay.rebuild.teams import TEAM_COMMANDS

__all__ = ["STREAM_RULES", "StreamRules", "with_deciders"]


@dataclass(frozen=True, slots=True)
class StreamRules:
    """A decider, and the commands that may have caused an append of its kind of stream."""

    decider: AnyDecider
    builders: Builders


STREAM_RULES: Mapping[str, StreamRules] = MappingProxyType(
    {
        "agent": StreamRules(AGENT, AGENT_COMMANDS),
        "team": StreamRules(TEAM, TEAM_COMMANDS),
        "board": StreamRules(BOARD, BOARD_COMMANDS),
        "memory": StreamRules(MEMORY, MEMORY_COMMANDS),
        "rules": StreamRules(RULES, RULE_COMMANDS),
        "lease": StreamRules(LEASE, LEASE_COMMANDS),
        "background": StreamRules(BACKGROUND, JOB_COMMANDS),
        "schedule": StreamRules(SCHEDULES, SCHEDULE_COMMANDS),
        "supervision": StreamRules(SUPERVISION, SUPERVISION_COMMANDS),
        "inbox": StreamRules(INBOX, INBOX_COMMANDS),
    }
)
"""By category."""


def with_deciders(
    deciders: Mapping[str, AnyDecider],
) -> Mapping[str, StreamRules]:
    """All kinds of streams, with other deciders for some categories.

    Raises:
        TypeError: there is no such category, or what is given for it is no decider.
    """
    if not isinstance(deciders, Mapping):
        raise TypeError(f"deciders are a mapping from categories to deciders, not {deciders!r}")
    require_known(deciders, STREAM_RULES, "no streams are of the category")
    for category, decider in deciders.items():
        if not isinstance(decider, Decider):
            raise TypeError(f"what decides {category!r} is a Decider, not {decider!r}")
    changed = {
        category: replace(STREAM_RULES[category], decider=decider)
        for category, decider in deciders.items()
    }
    return {**STREAM_RULES, **changed}
