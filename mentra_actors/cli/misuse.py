"""What is said of a command line that cannot be meant: which option or argument, and why."""

from typing import Any

from mentra_actors.cli.failures import MISUSED, Failure

__all__ = ["misuse", "shows_help"]

_FROM_PYDANTIC = "Value error, "


def misuse(error: Exception) -> Failure:
    """What is wrong, of what, and where to look."""
    message = (str(getattr(error, "message", "")) or str(error)).removeprefix(_FROM_PYDANTIC)
    parameter: Any = getattr(error, "param", None)
    if parameter is not None:
        name = _name(parameter)
        if type(error).__name__ == "MissingParameter":
            told = " ".join(str(getattr(parameter, "help", None) or "").split())
            message = f"{name} is missing. {told}".rstrip()
        elif name not in message:
            message = f"{name}: {message}"
    return Failure(
        error="UsageError",
        message=message,
        advice="See `mentra --help`, or --help after a command.",
        exit_code=MISUSED,
    )


def shows_help(error: Exception) -> bool:
    """True of a group of commands that was called without one: the message is its help."""
    return type(error).__name__ == "NoArgsIsHelpError"


def _name(parameter: Any) -> str:
    """An option as it is written, an argument as the usage names it."""
    longest = max(parameter.opts, key=len, default="")
    if longest.startswith("-"):
        return str(longest)
    return str(parameter.metavar or parameter.name).upper()
