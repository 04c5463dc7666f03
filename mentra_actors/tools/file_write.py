"""Writing a file so that a kill at any instruction leaves the old one or the new one, whole."""

import os
import stat
from contextlib import suppress
from hashlib import blake2b

from mentra_actors.tools.contract import ToolError
from mentra_actors.tools.file_root import FileRoot, explaining, shown

__all__ = ["replace_file"]


def replace_file(root: FileRoot, path: str, content: str, *, key: str) -> str:
    """Create or overwrite a file, with its directories; what is told to the model.

    The content goes to a temporary file beside the target, to the disk, and then under its name.
    The temporary name comes from `key`: a repeated call removes what a killed one left behind.

    Raises:
        ToolError: the path may not be written, or the system refused; the old file is whole.
    """
    try:
        encoded = content.encode()
    except UnicodeEncodeError as error:
        raise ToolError(f"The content has an invalid character: {error.reason}.") from error
    inside = root.locate_for_write(path)
    parent, name = os.path.split(inside)
    with explaining(inside), root.directory(parent or ".", create=True) as directory:
        mode = _mode_of_replaced(directory, name, inside)
        _replace(directory, name, encoded, temporary=_temporary_name(key), mode=mode)
    return f"Wrote {len(encoded)} byte(s) to {shown(inside)}"


def _mode_of_replaced(directory: int, name: str, path: str) -> int | None:
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise ToolError(f"'{shown(path)}' is there already and not a file; it was left as it is.")
    if not os.access(name, os.W_OK, dir_fd=directory, effective_ids=True):
        raise ToolError(f"'{shown(path)}' is read-only; it was left as it is.")
    return stat.S_IMODE(status.st_mode) & 0o777


def _temporary_name(key: str) -> str:
    return f".mentra-tmp-{blake2b(key.encode(), digest_size=8).hexdigest()}"


def _replace(
    directory: int, name: str, content: bytes, *, temporary: str, mode: int | None
) -> None:
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=directory)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o666, dir_fd=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=directory)
        raise
    os.fsync(directory)
