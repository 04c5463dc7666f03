"""A process that adds a schedule, says so, and waits to be killed: `schedule_life.py STORE AT`."""

import signal
import sys

from mentra_actors import ScriptedModel, open_runtime_sync


def main(store, at):
    with open_runtime_sync(store, providers=[ScriptedModel([])], lease_term_s=5.0) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        runtime.schedules.add("Look.", to=lead, at=float(at))
        print("added", flush=True)
        signal.pause()  # until it is killed


if __name__ == "__main__":
    main(*sys.argv[1:])
