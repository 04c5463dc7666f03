"""What is said of a command line that cannot be meant: which option or argument, and why."""

import re
from typing import Any

from mentra_actors.cli.command_list import COMMANDS
from mentra_actors.cli.failures import MISUSED, Failure

__all__ = ["misuse", "shows_help"]

_MOST_LIKELY = 4
"""A word that fits more commands than these tells nothing."""
_NO_COMMAND = re.compile(r"No such command '(?P<word>\w{3,})'\.")
"""What is said where no name is like it; what a command does may have the word."""
_PLAIN = (
    (re.compile(r"^Input should be a valid integer.*"), "must be a whole number"),
    (re.compile(r"^Input should be a valid number.*"), "must be a number"),
    (re.compile(r"^Input should be greater than or equal to (.*)"), r"must be at least \1"),
    (re.compile(r"^Input should be less than or equal to (.*)"), r"must be at most \1"),
    (re.compile(r"^Input should be "), "must be "),
)
"""Words of the library that reads values, and ours."""
_FROM_PYDANTIC = "Value error, "


def misuse(error: Exception) -> Failure:
    """What is wrong, of what, and where to look."""
    message = (str(getattr(error, "message", "")) or str(error)).removeprefix(_FROM_PYDANTIC)
    for pattern, words in _PLAIN:
        message = pattern.sub(words, message)
    parameter: object = getattr(error, "param", None)
    if parameter is not None:
        name = _name(parameter)
        if type(error).__name__ == "MissingParameter":
            told = " ".join(str(getattr(parameter, "help", None) or "").split())
            message = f"{name} is missing. {told}".rstrip()
        elif name not in message:
            message = f"{name}{' ' if message.startswith('must be') else ': '}{message}"
    context: Any = getattr(error, "ctx", None)
    return Failure(
        error="UsageError",
        message=_with_likely(error, message),
        advice=f"See `{context.command_path if context else 'mentra'} --help`.",
        exit_code=MISUSED,
    )


def shows_help(error: Exception) -> bool:
    """True of a group of commands that was called without one: the message is its help."""
    return type(error).__name__ == "NoArgsIsHelpError"


def _with_likely(error: Exception, message: str) -> str:
    """The message, and what somebody may have meant by a name that is not there."""
    likely = list(getattr(error, "possibilities", None) or ())
    unknown = _NO_COMMAND.fullmatch(message)
    if unknown and error.ctx.parent is None:  # type: ignore[attr-defined]
        word = unknown["word"].casefold().removesuffix("s")
        likely = [name for name, one in COMMANDS.items() if word in one.summary.casefold()]
    if not likely or len(likely) > _MOST_LIKELY:
        return message
    return f"{message.removesuffix('.')}. Did you mean {', '.join(map(repr, likely))}?"


def _name(parameter: Any) -> str:
    """An option as it is written, an argument as the usage names it."""
    longest = max(parameter.opts, key=len, default="")
    if longest.startswith("-"):
        return str(longest)
    return str(parameter.metavar or parameter.name).upper()
