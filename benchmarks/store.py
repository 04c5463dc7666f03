"""The event store beside what it is made of and what people use instead.

Peers in the same run, in turn: a bare py-lmdb loop (the floor), bare sqlite3 in WAL mode with
synchronous FULL and NORMAL, the recorders of the eventsourcing library, the flushes of the disk.
The work: events of about 300 bytes in 1000 streams. The disk is the one of TMPDIR.
"""

from benchmarks.harness import parsed_arguments, report
from benchmarks.store_appends import append_goals
from benchmarks.store_reads import replay_goals
from benchmarks.store_sizes import memory_goals, size_goals
from benchmarks.store_views import view_goals


def main() -> None:
    """Run and print."""
    arguments = parsed_arguments(__doc__ or "")
    quick = arguments.quick
    goals = [
        *append_goals(quick=quick),
        *replay_goals(quick=quick),
        *view_goals(quick=quick),
        *size_goals(quick=quick),
        *memory_goals(quick=quick),
    ]
    report("The event store, beside its floors and its peers", goals, as_json=arguments.json)


if __name__ == "__main__":
    main()
