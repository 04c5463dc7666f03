"""Judges a contestant that you bring: see README.md.

    python -m benchmarks.recovery --contestant "CMD …" [--variant NAME …] [--json]

CMD is started for each life, with the life as JSON behind its words.
"""

import argparse
import dataclasses
import json
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.recovery.cases import Row
from benchmarks.recovery.judgement import DoesNotPlay
from benchmarks.recovery.playing import OneProcessEach, played_row
from benchmarks.recovery.table import printed_matrix
from benchmarks.recovery.world import GRACE_S


def main() -> None:
    """Play and print; the exit status is 1 if there is a fault, 2 if it does not play."""
    words = _words()
    try:
        rows = rows_of(words.contestant, words.variant or ["default"], grace_s=words.grace_s)
    except (DoesNotPlay, OSError) as error:
        print(f"the contestant does not play: {error}", file=sys.stderr)
        sys.exit(2)
    print("\n".join(told(one) for one in rows) if words.json else printed_matrix(rows))
    sys.exit(any(any(vars(one).values()) for row in rows for one in row.faults.values() if one))


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.recovery", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--contestant", required=True, metavar="CMD", help="the program")
    parser.add_argument("--variant", action="append", metavar="NAME", help="may be repeated")
    parser.add_argument("--json", action="store_true", help="one JSON object a variant")
    grace = f"seconds from an effect to the death; {GRACE_S} as published"
    parser.add_argument("--grace-s", type=float, default=GRACE_S, metavar="S", help=grace)
    return parser.parse_args()


def rows_of(command: str, variants: Sequence[str], *, grace_s: float) -> list[Row]:
    """All variants of a command.

    Raises:
        DoesNotPlay: it does not keep to README.md.
        OSError: the command cannot be started.
    """
    player = OneProcessEach(_words_of(command))
    with tempfile.TemporaryDirectory(prefix="recovery-") as folder:
        return [
            played_row(player, variant, variant, Path(folder) / str(number), grace_s=grace_s)
            for number, variant in enumerate(variants)
        ]


def _words_of(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise DoesNotPlay(f"{command!r} is no command: {error}") from None
    if not words:
        raise DoesNotPlay("CMD is empty")
    return words


def told(row: Row) -> str:
    """A variant as JSON: its faults by case, null where it offers no way to resume."""
    faults = {
        case: None if one is None else dataclasses.asdict(one) for case, one in row.faults.items()
    }
    return json.dumps({"variant": row.name, "faults": faults, "remarks": row.remarks})


if __name__ == "__main__":
    main()
