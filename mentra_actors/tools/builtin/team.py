"""The tools with which agents make a team: members, mail, requests."""

from mentra_actors.tools.builtin.team_mail import (
    idle,
    team_broadcast,
    team_read_inbox,
    team_send,
)
from mentra_actors.tools.builtin.team_members import (
    team_list,
    team_remove,
    team_rename,
    team_spawn,
    team_stop,
)
from mentra_actors.tools.builtin.team_requests import (
    team_cancel_request,
    team_list_requests,
    team_request,
    team_respond,
)
from mentra_actors.tools.builtin.teammates import LEAD_TOOLS, teammate_system
from mentra_actors.tools.contract import Tool

__all__ = ["LEAD_TOOLS", "team_tools", "teammate_system"]


def team_tools() -> list[Tool]:
    """The tools `team_…`, and `idle`."""
    return [
        team_spawn,
        team_send,
        team_broadcast,
        team_list,
        team_read_inbox,
        team_request,
        team_respond,
        team_list_requests,
        team_cancel_request,
        team_stop,
        team_remove,
        team_rename,
        idle,
    ]
