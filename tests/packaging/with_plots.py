"""The extra `plots`: a team is drawn."""

import subprocess
import sys
from pathlib import Path

import mentra_actors as mentra

with mentra.open_runtime_sync("drawn.mentra", providers=[mentra.ScriptedModel(["Hi."])]) as team:
    team.spawn("lead", model="scripted:x").send("Hello?")
command = Path(sys.executable).with_name("mentra")
run = [command, "plot", "lanes", "lanes.svg", "--store", "drawn.mentra"]
subprocess.run(run, check=True)
assert Path("lanes.svg").read_text().startswith("<?xml")
