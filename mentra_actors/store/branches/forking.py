"""Makes a branch: a small file, and nothing else. The origin is only read."""

import hashlib
import os
import secrets
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from mentra_actors.errors import CommandRejected, ConfigurationError
from mentra_actors.store.branches.branch_file import (
    BRANCHES,
    BRANCHES_ENDING,
    BranchRecord,
    branch_names,
    make_branch,
    place_of,
    require_branch_name,
)
from mentra_actors.store.branches.opening import id_of_store
from mentra_actors.store.ports import JournalReader
from mentra_actors.store.sealing.durable_files import file_errors
from mentra_actors.store.sql.opening import files_of_database, is_sql_url, url_without_password

__all__ = [
    "MAX_LABEL_CHARS",
    "branch_path",
    "branches_directory",
    "fork_store",
    "placed_at",
    "require_label",
]

MAX_LABEL_CHARS = 200
PLACE_VARIABLE = "MENTRA_BRANCHES"


def branches_directory(origin: str | Path) -> Path:
    """Where the branches of a store are, if nobody says where.

    Those of a store on a server are in a directory of its own under the one that the environment
    variable `MENTRA_BRANCHES` names.

    Raises:
        ConfigurationError: it is on a server, and there is no such variable.
    """
    if files := files_of_database(origin):
        return Path(f"{files[0]}{BRANCHES_ENDING}")
    if is_sql_url(origin):
        return _beside_server(url_without_password(str(origin)))
    return Path(origin) / BRANCHES


def _beside_server(address: str) -> Path:
    named = os.environ.get(PLACE_VARIABLE, "").strip()
    if not named:
        raise ConfigurationError(
            "a store on a database server has no place for branches: name a directory for them, "
            f"here or in the environment variable {PLACE_VARIABLE}"
        )
    return Path(named) / hashlib.blake2b(address.encode(), digest_size=8).hexdigest()


def branch_path(origin: str | Path, name: str) -> Path:
    """Where the branch of this name is; one of a branch is named with slashes: `try/second`.

    Raises:
        CommandRejected: there is none; the message lists those that there are.
        ConfigurationError: the origin is on a database server.
    """
    for part in filter(None, name.split("/")):
        place = branches_directory(origin)
        known = branch_names(place)
        if part not in known:
            listed = ", ".join(known) or "none"
            raise CommandRejected(f"no branch is named {part!r}; {origin} has {listed}")
        origin = place / part
    return Path(origin)


def require_label(label: str) -> None:
    """Refuse what is too long for a label.

    Raises:
        CommandRejected: it is.
        TypeError: it is no text.
    """
    if not isinstance(label, str):
        raise TypeError(f"a label is a text, not {label!r}")
    if len(label) > MAX_LABEL_CHARS or not label.isprintable():
        raise CommandRejected(f"a label is one line of at most {MAX_LABEL_CHARS} characters")


def placed_at(record: BranchRecord, reader: JournalReader, position: int) -> BranchRecord:
    """A branch of this name and label that goes on after a position of a log.

    An append is one fact: a letter and the mark that it was sent belong together. So the cut is
    at the end of the append that holds the position.

    Raises:
        CommandRejected: the position is not there, or the name or the label is none.
    """
    require_branch_name(record.name)
    require_label(record.label)
    last = reader.last_position()
    if not 0 <= position <= last:
        raise CommandRejected(f"the log has positions 0 to {last}; {position} is not there")
    page = reader.read_journal(after=position - 1, limit=1) if position else ()
    return msgspec.structs.replace(
        record,
        branch_id=uuid.uuid4().hex,
        cut=page[-1].global_position if page else 0,
        asked=position,
        salt=secrets.token_urlsafe(9),
        place=place_of(page[-1]) if page else None,
    )


def fork_store(
    origin: str | Path,
    record: BranchRecord,
    *,
    directory: str | Path | None = None,
    prepare: Callable[[Path], None] | None = None,
) -> Path:
    """Make a branch of the store at `origin`; where it is. See `make_branch` for `prepare`.

    In its default place a branch moves with its origin; in another `directory` it knows the
    present place of it. A password is not kept.

    Raises:
        CommandRejected: there is a branch of this name; nothing was made.
        ConfigurationError: the origin is on a server, and no directory is named.
        StoreError: nothing was made.
    """
    place = branches_directory(origin) if directory is None else Path(directory)
    place = Path(os.path.realpath(place))
    is_moved_along = directory is None
    is_elsewhere = is_sql_url(origin) and not files_of_database(origin)
    if not is_moved_along or is_elsewhere:  # else a deleted store would be there again
        with file_errors(place):
            place.mkdir(parents=True, exist_ok=True)
    record = msgspec.structs.replace(
        record,
        origin=_seen_from(place / record.name, origin, is_relative=is_moved_along),
        origin_id=id_of_store(origin),
    )
    return make_branch(place, record, prepare)


def _seen_from(branch: Path, origin: str | Path, *, is_relative: bool) -> str:
    if is_sql_url(origin) and not files_of_database(origin):
        return url_without_password(str(origin))
    file = os.path.realpath(files_of_database(origin)[0] if is_sql_url(origin) else origin)
    shown = os.path.relpath(file, branch) if is_relative else file
    return f"sqlite:{shown}" if is_sql_url(origin) else shown
