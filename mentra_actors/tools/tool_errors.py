"""What a tool raises when the model should hear why it did not work."""

from collections.abc import Iterator
from contextlib import contextmanager

from mentra_actors.errors import CommandRejected

__all__ = ["PolicyDenied", "ToolError", "refusals_told"]


class ToolError(Exception):
    """Raise it in a tool to tell the model what went wrong; the run goes on."""


class PolicyDenied(ToolError):
    """The policy of the runtime forbids it; the text is for the model, the log keeps the action.

    `action` names what was tried: `shell_command`, `background_command`, `shell_validation`,
    `background_shell_validation`, `background_limit`, `files_read`, `files_list`, `files_search`,
    `files_glob`, `files_write`, or `writes` for a tool that writes under a read-only policy.
    """

    def __init__(self, text: str, *, action: str) -> None:
        super().__init__(text)
        self.action = action


@contextmanager
def refusals_told(wish: str = "") -> Iterator[None]:
    """Turns the refusal of a command into a `ToolError`; `wish` completes "Failed to …"."""
    try:
        yield
    except CommandRejected as rejected:
        told = f"Failed to {wish}: {rejected.reason}" if wish else rejected.reason
        raise ToolError(told) from rejected
