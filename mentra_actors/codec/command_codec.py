"""Commands to MessagePack and back, by name: only for those that nobody could handle.

A command is never stored otherwise. So a class may change as it likes; a letter that no longer
fits is shown, and not delivered again.
"""

from collections.abc import Mapping
from typing import get_args

import msgspec

from mentra_actors.domain.agent.commands import AgentCommand
from mentra_actors.domain.background.jobs import BackgroundCommand
from mentra_actors.domain.board import commands as board
from mentra_actors.domain.lease import LeaseCommand
from mentra_actors.domain.memory import MemoryCommand
from mentra_actors.domain.permission_rules import RuleCommand
from mentra_actors.domain.schedules.schedules import ScheduleCommand
from mentra_actors.domain.supervision.commands import SupervisionCommand
from mentra_actors.domain.team import TeamCommand

__all__ = ["COMMAND_TYPES", "decode_command", "encode_command", "fault_of", "shown_command"]

_COMMANDS: tuple[type[object], ...] = (
    *get_args(AgentCommand),
    *get_args(BackgroundCommand),
    *get_args(board.BoardCommand),
    *get_args(LeaseCommand),
    *get_args(MemoryCommand),
    *get_args(RuleCommand),
    *get_args(ScheduleCommand),
    *get_args(SupervisionCommand),
    *get_args(TeamCommand),
)
_OTHER_NAMES: Mapping[type[object], str] = {board.CompensateRun: "CompensateRunOnBoard"}
"""For classes that are called like one of another stream."""


def _name_of(kind: type[object]) -> str:
    return _OTHER_NAMES.get(kind, kind.__name__)


COMMAND_TYPES: Mapping[str, type[object]] = {_name_of(kind): kind for kind in _COMMANDS}
"""The class of each command that a stream with an owner takes, by its name."""

_SHOWN_CHARS = 4000


def encode_command(command: object) -> tuple[str, bytes]:
    """Name and bytes of a command; no bytes if it holds what no log can keep."""
    name = _name_of(type(command))
    try:
        return name, msgspec.msgpack.encode(command)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return name, b""


def decode_command(name: str, content: bytes) -> object:
    """The command.

    Raises:
        ValueError: this release knows no command of this name, or the bytes do not fit it.
    """
    kind = COMMAND_TYPES.get(name)
    if kind is None:
        raise ValueError(f"this release has no command {name!r}")
    try:
        return msgspec.msgpack.decode(content, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ValueError(f"this is no {name} that can be delivered: {error}") from error


def fault_of(name: str, content: bytes) -> str:
    """Why a command cannot be delivered again; empty if it can."""
    try:
        decode_command(name, content)
    except ValueError as error:
        return str(error)
    return ""


def shown_command(content: bytes) -> str:
    """What a command says, as JSON for people, cut where it is long; empty if nobody can say."""
    try:
        plain = msgspec.msgpack.decode(content)
        text = msgspec.json.encode(plain).decode()
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError):
        return ""
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
