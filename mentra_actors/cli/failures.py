"""What a person is told when a command fails: what happened, what is safe, what to do."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from mentra_actors import errors
from mentra_actors.cli.command_list import COMMANDS
from mentra_actors.errors import MentraError

__all__ = [
    "FAILED",
    "INTERRUPTED",
    "MISUSED",
    "Failure",
    "Interrupted",
    "failure_of",
    "failure_text",
]

FAILED = 1
MISUSED = 2
INTERRUPTED = 130
_NOTHING_RECORDED = "Nothing was recorded."
_NOTHING_DONE = {"records": _NOTHING_RECORDED, "changes": "Nothing was changed.", "reads": ""}
_TAKING_CARE = frozenset({"backup", "compact", "doctor", "export"})
"""Commands that take the store as an argument."""
_NOWHERE = "the directory in which this command was started is not there any more"
_GO_SOMEWHERE = "Go to one that is there (`cd`), and try again."
_NAME_AS_ARGUMENT = "Name the directory of a store: `mentra {command} STORE`."


class Interrupted(Exception):
    """Ctrl-C. The message says how to go on; empty for the usual way."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A failure in words. `error` is the name of its class."""

    error: str
    message: str
    safe: str = ""
    advice: str = ""
    exit_code: int = FAILED


class _Words(msgspec.Struct, frozen=True):
    safe: str
    advice: str
    exit_code: int = FAILED


_WORDS: Mapping[type[MentraError], _Words] = {
    errors.StoreNotFound: _Words(
        "Nothing was made.",
        "Name a store with --store PATH or MENTRA_STORE; `mentra chat`, `run` and `demo` make it.",
        MISUSED,
    ),
    errors.StoreLocked: _Words(
        "Nothing was changed; the other process goes on.",
        "Wait for it or end it. Meanwhile agents, board, jobs, log, transcript, doctor, backup "
        "and export work beside it.",
    ),
    errors.StoreFormatError: _Words(
        "Nothing was changed.",
        "Name another directory, or use the release that wrote this one.",
        MISUSED,
    ),
    errors.WrongKey: _Words(
        "Nothing was changed.",
        "Name the key of this store with --key-file FILE or in MENTRA_KEY; a plain store opens "
        "without.",
        MISUSED,
    ),
    errors.BranchOriginLost: _Words(
        "Nothing was changed; what the branch has recorded itself is kept.", ""
    ),
    errors.StoreCorrupted: _Words("Nothing was changed.", "Restore a backup of the store."),
    errors.StoreFull: _Words(
        "Everything that was acknowledged is intact.", "Free some space and start again."
    ),
    errors.StoreForbidden: _Words(
        "Nothing was changed.",
        "Name a role with that right in --store, or have the owner of the database grant it.",
        MISUSED,
    ),
    errors.Fenced: _Words(
        "Everything that this process had recorded is kept.",
        "Another process has taken over: go on there.",
    ),
    errors.StoreError: _Words("Everything that was acknowledged is intact.", ""),
    errors.RunFailed: _Words(
        "The transcript is kept, with everything that the agent did.",
        "Look with `mentra transcript`, remove the cause, and go on with `mentra run --resume`.",
    ),
    errors.ActorQuarantined: _Words(
        "Everything recorded is kept; this agent is set aside.",
        "Look with `mentra dead-letters`; a newer release may be able to do what this one cannot. "
        "`mentra dead-letters redrive STREAM` lets it go on.",
    ),
    errors.CommandRejected: _Words(_NOTHING_RECORDED, "", MISUSED),
    errors.ConfigurationError: _Words(_NOTHING_RECORDED, "", MISUSED),
}


def failure_of(error: Exception, command: str = "") -> Failure:
    """What to say of an error of a command; its notes are better advice than that of its kind."""
    kinds = [kind for kind in type(error).__mro__ if kind in _WORDS]
    words = _WORDS[kinds[0]] if kinds else _Words("What was recorded is kept.", "")
    safe, advice = words.safe, "\n".join(getattr(error, "__notes__", ())) or words.advice
    if safe == _NOTHING_RECORDED and command in COMMANDS:
        safe = _NOTHING_DONE[COMMANDS[command].does]
    if isinstance(error, errors.StoreNotFound) and command in _TAKING_CARE:
        advice = _NAME_AS_ARGUMENT.format(command=command)
    if command == "import" and isinstance(error, errors.StoreError):
        safe = "Nothing was made."
    if isinstance(error, OSError | errors.StoreNotFound) and _is_nowhere():
        return Failure(error=type(error).__name__, message=_NOWHERE, advice=_GO_SOMEWHERE)
    return Failure(
        error=type(error).__name__,
        message=_message(error),
        safe=safe,
        advice=advice,
        exit_code=words.exit_code,
    )


def _message(error: Exception) -> str:
    """In words, not as the machine numbers its errors."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _is_nowhere() -> bool:
    """True if the working directory was deleted."""
    try:
        Path.cwd()
    except OSError:
        return True
    return False


def failure_text(failure: Failure) -> str:
    """A failure in a few lines."""
    return "\n".join(line for line in (failure.message, failure.safe, failure.advice) if line)
