"""Places for tests of file tools: a root, what must stay untouched beside it, tools by name."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.workplace import Workplace

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where a file is on the disk at once."""


@contextmanager
def directory():
    """An empty directory in memory, if there is such a place."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        yield Path(os.path.realpath(name))


def plant(place, files):
    """Files with their directories, by path; a text or bytes each."""
    for path, content in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content.encode() if isinstance(content, str) else content)


def tree_of(place):
    """Names, kinds and contents of all that is below a directory."""
    found = {}
    for path in sorted(place.rglob("*")):
        name = str(path.relative_to(place))
        if path.is_symlink():
            found[name] = os.readlink(path)
        else:
            found[name] = path.read_bytes() if path.is_file() else None
    return found


def workplace(base_dir, **policy):
    """An agent's place under a policy."""
    return Workplace(policy=RuntimePolicy(**policy), base_dir=Path(os.path.realpath(base_dir)))


def by_name(tools):
    """Tools by name."""
    return {tool.name: tool for tool in tools}
