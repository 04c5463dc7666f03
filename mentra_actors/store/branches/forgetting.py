"""Forgetting a subject in a store and in all that goes on from it."""

from pathlib import Path

from mentra_actors.errors import ConfigurationError
from mentra_actors.store.branches.branch_file import branch_names, is_branch
from mentra_actors.store.branches.forking import branches_directory
from mentra_actors.store.sealing.offline import forget_subject
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sealing.upkeep import Forgotten
from mentra_actors.store.sql.opening import is_sql_url
from mentra_actors.store.store_directory import find_manifest

__all__ = ["forget_with_branches"]


def forget_with_branches(
    path: str | Path, subject: str, *, sealing: Sealing
) -> tuple[Forgotten | None, tuple[str, ...]]:
    """Forget a subject in a store, and before that in its branches; which of them knew it.

    What the branches share becomes unreadable with the key of the store; what they have recorded
    themselves has keys of their own. Branches in a directory that was named when they were made
    are not known here: forget there as well. See `forget_subject`.

    Raises:
        StoreLocked: the store or a branch is being written; go on with the same words later.
        WrongKey, StoreError: not all of it is done.
    """
    knew = tuple(_forget_below(path, subject, sealing, ""))
    if not is_sql_url(path) and is_branch(Path(path)) and find_manifest(Path(path)) is None:
        return None, knew  # it has recorded nothing itself
    return forget_subject(path, subject, sealing=sealing), knew


def _forget_below(path: str | Path, subject: str, sealing: Sealing, before: str) -> list[str]:
    try:
        place = branches_directory(path)
    except ConfigurationError:  # a server has no place of its own for them
        return []
    knew: list[str] = []
    for name in branch_names(place):
        branch = place / name
        knew += _forget_below(branch, subject, sealing, f"{before}{name}/")
        if find_manifest(branch) is None:
            continue
        if forget_subject(branch, subject, sealing=sealing) is not None:
            knew.append(f"{before}{name}")
    return knew
