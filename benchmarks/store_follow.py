"""How soon does a reader in another process have an event, and what does it cost the writer?

The writer appends one event at a time, with a pause after each so that the readers sleep. Its
payload is the moment at which the append was begun; readers say how old each event was when they
had it. The cost of waking is the time of the one call that does it, beside the time of a commit.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.harness import Goal, median, parsed_arguments, report
from mentra_actors.store.embedded.lmdb_store import Durability, LmdbEventStore, LmdbJournalReader
from mentra_actors.testing.append_contract import A, request_for, stream_append

PAUSE_S = 0.004
MOST_PERCENT = 2.0


def main() -> None:
    """Print the figures; as a reader, follow a store."""
    if sys.argv[1:2] == ["--follow"]:
        follow(Path(sys.argv[2]), int(sys.argv[3]))
        return
    arguments = parsed_arguments(__doc__ or "")
    appends = 200 if arguments.quick else 1000
    goals: list[Goal] = []
    for durability in ("sync", "volatile"):
        for readers in (0, 1, 10):
            goals += figures(durability, readers, appends)
    report("Readers in other processes", goals, as_json=arguments.json)


def follow(path: Path, count: int) -> None:
    """Wait for `count` events and print how old each was when it was decoded."""
    reader = LmdbJournalReader.open(path)
    position = reader.last_position()
    print("ready", flush=True)
    ages: list[float] = []
    while len(ages) < count:
        reader.wait_for_position(position + 1, timeout_s=30)
        for event in reader.read_journal(after=position):
            ages.append(time.perf_counter() - float(event.payload))
            position = event.global_position
    reader.close()
    print(json.dumps(ages))


def figures(durability: Durability, readers: int, appends: int) -> list[Goal]:
    """Of one durability and number of readers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        store = LmdbEventStore.open(path, durability=durability)
        command = [sys.executable, "-m", "benchmarks.store_follow", "--follow", str(path)]
        following = [
            subprocess.Popen([*command, str(appends)], stdout=subprocess.PIPE, text=True)
            for _ in range(readers)
        ]
        for process in following:
            assert process.stdout is not None
            process.stdout.readline()
        rings: list[float] = []
        timed_rings(store, rings)
        commits = timed_appends(store, appends)
        ages = [age for one in following for age in json.loads(one.communicate()[0])]
        store.close()
    name = f"{durability}, {readers} readers"
    share = 100 * median(rings) / median(commits)
    waking = Goal(f"{name}: waking", share, "%", peers={"µs": 1e6 * median(rings)})
    if durability == "sync":
        waking = replace(waking, goal="<= 2", holds=share <= MOST_PERCENT)
    return [
        Goal(f"{name}: append, p50", 1e3 * median(commits), "ms"),
        waking,
        *ages_of(name, ages),
    ]


def timed_rings(store: LmdbEventStore, rings: list[float]) -> None:
    """Have each ring write down how long it took."""
    bell = store._env._changes._bell  # noqa: SLF001 - there is no other place to measure at
    if bell is None:
        sys.exit("this system has no bell: readers look from time to time")
    ring = bell.ring

    def timed() -> None:
        begun = time.perf_counter()
        ring()
        rings.append(time.perf_counter() - begun)

    bell.ring = timed  # type: ignore[method-assign]


def timed_appends(store: LmdbEventStore, count: int) -> list[float]:
    """Seconds until each append was acknowledged."""
    commits = []
    for _ in range(count):
        time.sleep(PAUSE_S)
        begun = time.perf_counter()
        store.append(request_for(stream_append(A, repr(begun).encode())))
        commits.append(time.perf_counter() - begun)
    return commits


def ages_of(name: str, ages: list[float]) -> list[Goal]:
    """How old events were when they were decoded elsewhere."""
    ordered = sorted(ages)
    return [
        Goal(f"{name}: decoded elsewhere, {label}", 1e3 * ordered[int(len(ages) * part)], "ms")
        for label, part in (("p50", 0.5), ("p99", 0.99))
        if ages
    ]


if __name__ == "__main__":
    main()
