"""Where the `mentra` command begins: Ctrl-C is told in words also while the rest is imported."""

import sys

from mentra_actors.late_module import LateModule

__all__ = ["main"]

_INTERRUPTED = 130


def main() -> None:
    """Import the command line, run it, and exit."""
    try:
        run = LateModule("mentra_actors.cli.main").main
    except KeyboardInterrupt:
        sys.stderr.write("mentra: Interrupted.\n  Nothing was begun.\n")
        sys.exit(_INTERRUPTED)
    run()
