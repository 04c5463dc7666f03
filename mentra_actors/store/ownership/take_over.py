"""Whether one process may write a store in the place of another one that hangs."""

from pathlib import Path

from mentra_actors.errors import StoreLocked
from mentra_actors.store.embedded.environments import open_shared_env
from mentra_actors.store.ownership.process_name import described
from mentra_actors.store.ownership.writer_lock import WriterLock, present_holder
from mentra_actors.store.store_directory import Manifest

__all__ = ["lock_of_store"]


def lock_of_store(
    path: Path, manifest: Manifest | None, *, take_over_from: int | None
) -> WriterLock:
    """The writer lock; the caller has the opening turn.

    If another process holds it and is still the writer of the number `take_over_from`, this one
    takes its place: the store refuses what the other one writes as soon as the number is raised.

    Raises:
        StoreLocked: the holder stays what it is; nothing was changed.
    """
    try:
        return WriterLock(path)
    except StoreLocked as locked:
        if take_over_from is None or manifest is None or not locked.holder:
            raise
        _check_replaceable(path, manifest, take_over_from)
    return WriterLock.in_place_of_another(path)


def _check_replaceable(path: Path, manifest: Manifest, take_over_from: int) -> None:
    env = open_shared_env(path, manifest)
    try:
        is_here, epoch = env.has_writer, env.writer_epoch()
    finally:
        env.leave()
    holder = present_holder(path)
    if is_here:
        raise StoreLocked(f"{path} is written by this process; close it", holder=holder.name)
    if epoch != take_over_from:
        raise StoreLocked(
            f"{path} was opened for writing by {described(holder.name)} meanwhile",
            holder=holder.name,
        )
    if holder.is_committing:
        raise StoreLocked(
            f"{path}: {described(holder.name)} stopped in the middle of a commit, and nobody can "
            "write before it ends; end it (kill -9) and open the store again",
            holder=holder.name,
        )
