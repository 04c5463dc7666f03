"""How errors of this store are told to those who know only the errors of `eventsourcing`."""

import contextlib
from collections.abc import Iterator

from eventsourcing.persistence import (
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    PersistenceError,
)

from mentra_actors.errors import (
    StoreClosed,
    StoreCorrupted,
    StoreError,
    StoreFormatError,
    VersionConflict,
)

__all__ = ["ChangeFailed", "RowsClash", "as_library_errors"]


class RowsClash(StoreError):
    """A row that must be new is there, or one that must grow would not. Nothing was written."""


class ChangeFailed(StoreError):
    """A change of a view raised `cause`. Nothing was written."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"the change of the view failed: {cause!r}")
        self.cause = cause


@contextlib.contextmanager
def as_library_errors() -> Iterator[None]:
    """Raise what the library's recorders would raise, with the cause behind it.

    * IntegrityError: a version, a tracking position or a tag clashes; nothing was written.
    * InterfaceError: the store is closed, or was opened before a fork.
    * InternalError: bytes on disk are not what was written, or of a newer release.
    * DataError: no store can keep this value.
    * OperationalError: locked, full, busy; a repeat may succeed.
    """
    try:
        yield
    except ChangeFailed as error:
        raise error.cause from None
    except StoreError as error:
        raise _library_error(error) from error
    except (TypeError, ValueError) as error:
        raise DataError(str(error)) from error


def _library_error(error: StoreError) -> PersistenceError:
    match error:
        case RowsClash() | VersionConflict():
            return IntegrityError(str(error))
        case StoreClosed():
            return InterfaceError(str(error))
        case StoreCorrupted() | StoreFormatError():
            return InternalError(str(error))
        case _:
            return OperationalError(str(error))
