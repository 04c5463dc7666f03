"""One event of an audit as a line for people."""

from collections.abc import Mapping

from rich.text import Text

from mentra_actors.cli.output import local_moment
from mentra_actors.json_types import Json

__all__ = ["AuditLines", "is_denial"]

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
_MOMENTS = frozenset({"expires_at"})
_SHOWN_CHARS = 80
_LONG_CHARS = 20
_AS_BEFORE = "(as before)"


def is_denial(fields: Mapping[str, object]) -> bool:
    """True for what was refused, or did not run."""
    is_refused = fields["kind"] == "permission_resolved" and not fields["allow"]
    return is_refused or fields["kind"] in _DENIALS


class AuditLines:
    """Events one after the other: what the last one of an agent has said is not said again."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        """By agent, the last long text."""

    def line(self, fields: Json) -> Text:
        """Position, moment, agent, what happened, to what, and the rest of what is known."""
        line = _beginning(fields)
        agent_id = fields["agent_id"]
        said = self._said.get(agent_id, "")
        for name, value in fields.items():
            if name in _PLACE or name in _SUBJECTS:
                continue
            shown = local_moment(value) if name in _MOMENTS else _shown(value)
            is_long = isinstance(value, str) and len(value) >= _LONG_CHARS
            line.append(f"  {name}={_AS_BEFORE if is_long and value == said else shown}")
            if is_long:
                said = value
        self._said[agent_id] = said
        return line


def _beginning(fields: Json) -> Text:
    line = Text()
    line.append(f"{fields['position']:>6}  ", style="dim")
    line.append(f"{local_moment(fields['recorded_at'])}  ", style="dim")
    line.append(f"{fields['agent_id'] or 'runtime':<12} ", style="cyan")
    style = "red" if is_denial(fields) else ""
    line.append(fields["kind"].replace("_", " "), style=style)
    subject = next((fields[name] for name in _SUBJECTS if fields.get(name)), "")
    if subject:
        line.append(f"  {subject}", style="bold")
    return line


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{one}" for name, one in value.items() if one)
    text = str(value) if not isinstance(value, bool) else str(value).lower()
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
