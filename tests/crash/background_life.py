"""A process that lets an agent start a background job, says so, and waits to be killed.

`background_life.py STORE COMMAND WHEN`: it says so when the job runs (`started`), or when it runs
and that is not on the log yet (`unrecorded`).
"""

import signal
import sys
from pathlib import Path

import anyio

from mentra_actors import ScriptedModel, call, open_runtime_sync
from mentra_actors.domain.background.jobs import StartJob
from mentra_actors.tools.policy import RuntimePolicy


def main(store, command, when):
    def said():
        print("started", flush=True)

    def wrap(performer):
        async def perform(order):
            outcome = await performer(order)
            if isinstance(order.effect, StartJob) and when == "unrecorded":
                said()
                await anyio.sleep_forever()
            return outcome

        return perform

    policy = RuntimePolicy(allow_shell=True, allow_background=True, base_dir=Path(store).parent)
    model = ScriptedModel([[call("background_run", command=command)], "It runs."])
    with open_runtime_sync(
        store, providers=[model], policy=policy, lease_term_s=5.0, wrap_effects=wrap
    ) as runtime:
        runtime.on_recorded(
            lambda recorded: [
                said() for one in recorded if one.event_type == "background.started.v1"
            ]
        )
        runtime.spawn("lead", model="scripted:x").send("Go")
        signal.pause()  # until it is killed


if __name__ == "__main__":
    main(*sys.argv[1:])
