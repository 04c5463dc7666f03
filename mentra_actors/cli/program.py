"""How this program was started, so that commands which it prints work as they are printed."""

import os
import shlex
import shutil
import sys
from pathlib import Path

__all__ = ["program"]

_NAME = "mentra"


def program() -> str:
    """What to write in a shell, from the present directory, for `mentra`."""
    if os.environ.get("UV_RUN_RECURSION_DEPTH"):
        return f"uv run {_NAME}"
    started = Path(sys.argv[0])
    if started.name != _NAME or not started.is_file():
        return f"{shlex.quote(sys.executable)} -m mentra_actors.cli.main"
    found = shutil.which(_NAME)
    if found and Path(found).samefile(started):
        return _NAME
    near = os.path.relpath(started)
    short = near if not near.startswith("..") else str(started.absolute())
    return shlex.quote(short if "/" in short else f"./{short}")
