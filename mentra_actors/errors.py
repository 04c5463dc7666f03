"""Every exception that crosses a package boundary.

* MentraError
  + CommandRejected         a decider said no; a normal answer, never retried
  + StoreError              nothing of the failed append was written, but for the last one
    - VersionConflict       another writer appended first; reload, decide again
    - Fenced                a younger lease epoch exists; this process must stop writing
    - StoreLocked           another live process writes this store
    - StoreNotFound         there is no store at this path
    - StoreFormatError      made by a newer release, or not a store
    - WrongKey              sealed with another key, or a key is missing, or one too many
    - StoreCorrupted        bytes on disk are not what was written
    - BranchOriginLost      the store that a branch goes on from is gone, or another one
    - StreamArchived        the events of a stream were moved to a file; bring them back
    - StoreFull             the disk (or a quota) refused the bytes
    - StoreForbidden        the role in the database may not do this
    - StoreBusy             more appends wait, or more reads run, than it holds; try later
    - IndexBusy             the index of memories is in use; search again
    - StoreClosed           the store was closed while the call waited
    - ConnectionLost        the database server is away; nothing was written
    - CommitOutcomeUnknown  the one that may have been written: nobody could be asked
  + ActorError
    - MailboxFull           the actor takes no more commands now; try later
    - ActorQuarantined      its stream or its code is broken; commands are refused
    - RuntimeClosed         the runtime is shutting down
  + EffectError             the world refused
    - ProviderError         a model call failed; says whether a repeat may help
    - RunFailed             a run ended without an answer; the transcript is kept
    - NoOutput              a run ended without the typed value that was asked for
  + ConfigurationError      the caller must change something before a retry makes sense
    - UnknownModel          no provider serves this name
    - MissingCredential     the provider needs a key that is not set
    - LoginFailed           a sign-in with the browser came to nothing
    - UnknownSkill          no skill has this name, or its file cannot be read
    - InvalidTool           a function cannot be offered to models as it is written

Bugs (broken invariants, wrong argument types) raise the built-in TypeError,
ValueError or AssertionError: they belong to a developer, not to a handler.
"""

__all__ = [
    "ActorError",
    "ActorQuarantined",
    "BranchOriginLost",
    "CommandRejected",
    "CommitOutcomeUnknown",
    "ConfigurationError",
    "ConnectionLost",
    "EffectError",
    "Fenced",
    "IndexBusy",
    "InvalidTool",
    "LoginFailed",
    "MailboxFull",
    "MentraError",
    "MissingCredential",
    "NoOutput",
    "ProviderError",
    "RunFailed",
    "RuntimeClosed",
    "StoreBusy",
    "StoreClosed",
    "StoreCorrupted",
    "StoreError",
    "StoreForbidden",
    "StoreFormatError",
    "StoreFull",
    "StoreLocked",
    "StoreNotFound",
    "StreamArchived",
    "UnknownModel",
    "UnknownSkill",
    "VersionConflict",
    "WrongKey",
]


class MentraError(Exception):
    """Root of the tree; never raised itself. All of them can be copied and pickled."""

    def __reduce__(self) -> tuple[object, ...]:
        """Past `__init__`, whose arguments are not those of the base."""
        return _as_it_was, (type(self), self.args), self.__dict__


def _as_it_was(kind: type[MentraError], args: tuple[object, ...]) -> MentraError:
    return kind.__new__(kind, *args)


class CommandRejected(MentraError):
    """A decider refused a command. Nothing was recorded; a repeat will be refused again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StoreError(MentraError):
    """The event store refused or failed.

    Nothing of the failed append was written, unless it is a `CommitOutcomeUnknown`.
    """


class VersionConflict(StoreError):
    """Another writer appended first.

    Nothing was written. Reload the stream and decide again; the command itself may still be
    valid. An actor of a runtime does so by itself: this is for who uses a store alone.
    """

    def __init__(self, stream_id: str, *, expected: int, actual: int) -> None:
        super().__init__(f"{stream_id}: expected version {expected}, found {actual}")
        self.stream_id = stream_id
        self.expected = expected
        self.actual = actual


class Fenced(StoreError):
    """A younger lease epoch exists. Nothing was written; this process must stop writing."""

    def __init__(self, resource: str, *, epoch: int, current: int) -> None:
        super().__init__(
            f"lease {resource!r}: epoch {epoch} was superseded by {current}; "
            "another process has taken over, close this one"
        )
        self.resource = resource
        self.epoch = epoch
        self.current = current


class StoreLocked(StoreError):
    """Another live process writes this store. Nothing was changed; close it or choose a path.

    `holder` is the name of that process; empty where it is not known. `free_at` is the time (Unix
    seconds) from which on it may be taken for one that hangs, if it is known.
    """

    def __init__(self, message: str, *, holder: str = "", free_at: float | None = None) -> None:
        super().__init__(message)
        self.holder = holder
        self.free_at = free_at


class StoreNotFound(StoreError):
    """There is no store at the path. Nothing was created."""


class StoreFormatError(StoreError):
    """The directory was written by a newer release, or it is not a store. Nothing was changed."""


class WrongKey(StoreError):
    """The store is encrypted with another key, needs one and got none, or is not encrypted.

    Nothing was changed. Open it with the key that it was made with; the message says which of
    these it is and where the keys were looked for.
    """


class StoreCorrupted(StoreError):
    """Bytes on disk are not what was written. Nothing was changed; restore a backup."""


class BranchOriginLost(StoreError):
    """The store that a branch goes on from is gone, or is not what it was.

    Nothing was changed. What the branch has recorded itself is safe in its directory, and opens
    again when the origin is back.
    """


class StreamArchived(StoreError):
    """The events of a stream were moved to a file, so its state cannot be known.

    Nothing was changed and nothing is lost: `mentra compact STORE --restore FILE` brings them
    back.
    """

    def __init__(self, stream_id: str, archive: str) -> None:
        super().__init__(
            f"{stream_id} is archived in {archive}; "
            f"`mentra compact STORE --restore {archive}` brings it back"
        )
        self.stream_id = stream_id
        self.archive = archive


class StoreFull(StoreError):
    """The disk or a quota refused the bytes.

    Nothing of this append was written and everything acknowledged before is intact. Free some
    space and repeat: the store stays usable.
    """


class StoreForbidden(StoreError):
    """The role that the database was opened with may not do this. Nothing was written.

    Have the owner of the database grant it, which the message names, or use another role.
    """


class StoreBusy(StoreError):
    """More appends wait for the disk, or more reads run at once, than the store will hold.

    Nothing of this append was written or queued. Wait and repeat, or use `append`, which waits.
    """


class IndexBusy(StoreError):
    """The index of memories is in use by another process, or by a long search of this one.

    The log is as it was. What is recorded or forgotten stays so, and the index is brought up to
    date by the next search that comes to it. Wait and search again.
    """


class StoreClosed(StoreError):
    """The store was closed before the append was written. Nothing was written."""


class ConnectionLost(StoreError):
    """The database cannot be reached, or went away before the commit. Nothing was written."""


class CommitOutcomeUnknown(StoreError):
    """The append may or may not have been written, and nobody could be asked.

    The store takes no more appends. Open it again and look before you repeat anything; a
    runtime that is opened again does so by itself.
    """


class ActorError(MentraError):
    """A command could not be handed to an actor. It was not decided and nothing was recorded."""


class MailboxFull(ActorError):
    """The actor has as many waiting commands as it may hold. Nothing was recorded; try later."""


class ActorQuarantined(ActorError):
    """An actor died again and again: its stream is set aside, or one command is.

    `cause` says of what. `letter_id` names the dead letter that the command is kept as; it is
    empty where the command was not handed over. What the log says is safe in either case.
    """

    def __init__(self, stream_id: str, *, cause: str, letter_id: str = "") -> None:
        what = f"{stream_id} is quarantined: {cause}"
        then = "what is on the log is safe; mend the cause, then `mentra dead-letters redrive`"
        if letter_id:
            what = f"{stream_id} died over a command, or with it waiting: {cause}"
            then = f"it is kept as dead letter {letter_id}; `mentra dead-letters` says more"
        super().__init__(f"{what} ({then})")
        self.stream_id = stream_id
        self.cause = cause
        self.letter_id = letter_id


class RuntimeClosed(ActorError):
    """The runtime is closing or closed. Nothing was recorded."""


class EffectError(MentraError):
    """The world refused an effect."""


class ProviderError(EffectError):
    """A model call failed.

    `kind` is one of `transport`, `http`, `timeout`, `malformed_stream`, `in_band`,
    `invalid_request`, `invalid_response`. `transient` says whether a repeat may help;
    `retry_after_s` is the wait that the provider asked for. `output_seen` is true when part of
    an answer had arrived. `phase` says how far the call had come: `connecting`, `sent` or
    `streaming`, empty where nobody knows. `body` is what the server said, cut and without keys.
    """

    def __init__(  # noqa: PLR0913 - what a provider may say of a failure
        self,
        message: str,
        *,
        kind: str,
        transient: bool,
        status: int | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        output_seen: bool = False,
        request_id: str | None = None,
        phase: str = "",
        body: str = "",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.transient = transient
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s
        self.output_seen = output_seen
        self.request_id = request_id
        self.phase = phase
        self.body = body


class RunFailed(EffectError):
    """A run ended without an answer. What was recorded before is kept; send a prompt to go on."""

    def __init__(self, message: str, *, run_id: str, kind: str) -> None:
        super().__init__(message)
        self.run_id = run_id
        self.kind = kind


class NoOutput(EffectError):
    """A run ended in order, without the typed value that it was to end with.

    What was said is kept; `text` is the answer in words, if the run gave one, and `ending` says
    what ended it.
    """

    def __init__(self, message: str, *, run_id: str, text: str, ending: str) -> None:
        super().__init__(message)
        self.run_id = run_id
        self.text = text
        self.ending = ending


class ConfigurationError(MentraError):
    """The caller must change something before a retry makes sense. Nothing was recorded."""


class UnknownModel(ConfigurationError):
    """No provider serves this model name; the message lists the ones that are known."""


class MissingCredential(ConfigurationError):
    """The provider needs a key that is not set; the message names the variable."""


class LoginFailed(ConfigurationError):
    """A sign-in came to nothing; the message says why. A login from before is kept."""


class UnknownSkill(ConfigurationError):
    """No skill has this name, or its file cannot be read any more."""


class InvalidTool(ConfigurationError):
    """A function cannot be offered to models as it is written; the message says why."""
