"""One event of an audit as a line for people."""

import time
from collections.abc import Mapping
from typing import Any

from rich.text import Text

from mentra_actors.cli.output import local_time

__all__ = ["audit_line", "is_denial"]

_DENIALS = frozenset(
    {
        "authorization_denied",
        "permission_expired",
        "policy_denied",
        "tool_authorization_blocked",
        "tool_execution_blocked",
    }
)
_PLACE = frozenset({"agent_id", "position", "recorded_at", "run_id", "kind", "key", "digest"})
_SUBJECTS = ("tool_name", "model", "action", "command", "runtime_instance_id")
_SHOWN_CHARS = 80


def is_denial(fields: Mapping[str, Any]) -> bool:
    """True for what was refused, or did not run."""
    is_refused = fields["kind"] == "permission_resolved" and not fields["allow"]
    return is_refused or fields["kind"] in _DENIALS


def audit_line(fields: Mapping[str, Any]) -> Text:
    """Position, moment, agent, what happened, to what, and the rest of what is known."""
    line = Text()
    line.append(f"{fields['position']:>6}  ", style="dim")
    line.append(f"{_moment(fields['recorded_at'])}  ", style="dim")
    line.append(f"{fields['agent_id'] or 'runtime':<12} ", style="cyan")
    style = "red" if is_denial(fields) else ""
    line.append(fields["kind"].replace("_", " "), style=style)
    subject = next((fields[name] for name in _SUBJECTS if fields.get(name)), "")
    if subject:
        line.append(f"  {subject}", style="bold")
    for name, value in fields.items():
        if name not in _PLACE and name not in _SUBJECTS:
            line.append(f"  {name}={_shown(value)}")
    return line


def _moment(unix_s: float) -> str:
    """Date and time of day on this machine, with milliseconds."""
    return f"{time.strftime('%Y-%m-%d', time.localtime(unix_s))} {local_time(unix_s)}"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{one}" for name, one in value.items() if one)
    text = str(value) if not isinstance(value, bool) else str(value).lower()
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
