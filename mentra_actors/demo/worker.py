"""The process that runs the demo team, and that the demo kills.

`python -m mentra_actors.demo.worker` prints one JSON document when the team is idle. Exit: 0 if
the team has finished, 1 if not, 2 if something must be changed first.
"""

import argparse
import sys
from pathlib import Path

import anyio
import msgspec

from mentra_actors.demo.team import OFFLINE_SURVEY, DemoOutcome, open_demo
from mentra_actors.errors import ConfigurationError, MentraError

__all__ = ["WorkerFailure", "main"]


class WorkerFailure(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker prints, on standard error, when it could not run the team."""

    error: str
    message: str
    is_configuration: bool


def main() -> int:
    """Run the team; the exit code."""
    options = _options()
    try:
        outcome = anyio.run(_run, options)
    except MentraError as error:
        failure = WorkerFailure(
            error=type(error).__name__,
            message=str(error),
            is_configuration=isinstance(error, ConfigurationError),
        )
        sys.stderr.write(msgspec.json.encode(failure).decode() + "\n")
        return 2 if failure.is_configuration else 1
    sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")
    return 0 if outcome.finished else 1


async def _run(options: argparse.Namespace) -> DemoOutcome:
    return await open_demo(
        options.store,
        options.root,
        options.out,
        model=options.model,
        delta_delay_s=options.delta_delay_s,
        left_out=options.left_out,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mentra_actors.demo.worker")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--left-out", type=Path, action="append", default=[])
    parser.add_argument("--model", default=OFFLINE_SURVEY)
    parser.add_argument("--delta-delay-s", type=float, default=0.0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
